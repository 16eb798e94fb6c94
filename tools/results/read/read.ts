// Reads the result files of the output tree, twice where the first look finds one missing or torn.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FileContent, Files } from './files.js';
import { parseTolerantJson } from './json.js';
import { type Expected, expectedResults, type VerdictPlan } from './expected.js';

/** Files open at once; far below any limit on descriptors. */
const PARALLEL = 32;

/** Every path the analysis may look at. */
function pathsOf(expected: Expected): string[] {
  return [
    ...expected.parts.map((part) => part.receipt),
    ...expected.evaluations.flatMap(({ path, outcomes }) => (outcomes === null ? [path] : [path, outcomes])),
    ...expected.certificates.flatMap((one) => [one.outcome, one.certificate]),
    ...expected.calibrations.map((one) => one.path),
    ...expected.makings.map((one) => one.path),
    ...expected.measurements.map((one) => one.path),
  ];
}

/**
 * Another nx run may be restoring these very files from its cache, so a file that is absent, empty or broken is read once
 * more, after `retryAfterMs` for all of them together.
 */
export async function readResults(
  workspaceRoot: string,
  plan: VerdictPlan,
  retryAfterMs: number,
): Promise<Files> {
  const files = new Map<string, FileContent>();
  const paths = pathsOf(expectedResults(plan));
  await readInto(files, workspaceRoot, paths);
  const again = paths.filter((path) => files.get(path)?.ok !== true);
  if (again.length > 0) {
    await sleep(retryAfterMs);
    await readInto(files, workspaceRoot, again);
  }
  return files;
}

async function readInto(
  files: Map<string, FileContent>,
  workspaceRoot: string,
  paths: readonly string[],
): Promise<void> {
  const queue = paths.values();
  const worker = async (): Promise<void> => {
    for (const path of queue) {
      const content = await readOne(join(workspaceRoot, path));
      if (content === null) files.delete(path);
      else files.set(path, content);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

async function outcomesIn(bytes: Uint8Array): Promise<FileContent> {
  const { parseOutcomes } = await import('./outcomes.js');
  try {
    return { ok: true, value: await parseOutcomes(bytes) };
  } catch (error) {
    return {
      ok: false,
      detail: `no table of outcomes: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/** Null when the file does not exist. */
async function readOne(path: string): Promise<FileContent | null> {
  try {
    const stats = await stat(path);
    if (!stats.isFile() && !stats.isDirectory()) return { ok: false, detail: 'is no regular file' };
    if (path.endsWith('.parquet')) {
      const bytes = await readFile(path);
      return await outcomesIn(bytes);
    }
    return { ok: true, value: parseTolerantJson(await readFile(path, 'utf8')) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    if (error instanceof SyntaxError) return { ok: false, detail: `not JSON: ${error.message}` };
    // Without the path: it differs from machine to machine, and stands beside the detail anyway.
    return { ok: false, detail: `cannot be read (${code ?? error.name})` };
  }
}
