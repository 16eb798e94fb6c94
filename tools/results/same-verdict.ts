// Where everything a verdict was made from is as it was, so is the verdict: what it said is kept under a digest of that, and
// said again. Only of suites whose cells have all ended well; results themselves are checked by the look before it.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../base/canonical.js';
import { digestDirectory, readIfThere, readJson, writeWhole } from '../base/files.js';
import type { Look } from './look.js';
import { historyPath } from './outputs/history.js';

const TOOLS = join(import.meta.dirname, '..');

const saidSchema = z.object({
  schema: z.literal(1),
  madeFrom: z.string(),
  verdict: z.array(z.string()),
  report: z.array(z.string()),
  /** Digests of the files it wrote, by workspace path. */
  wrote: z.record(z.string(), z.string()),
  /** Files that the report links: whether they are there. */
  linked: z.record(z.string(), z.boolean()),
});

export type Said = Omit<z.infer<typeof saidSchema>, 'schema'>;

export const saidPath = (suite: string): string => `output/${suite}/state/verdict_made_from.json`;

/** Receipts as they are now, which hold the digests of all results; undefined where one is missing. */
export function digestReceipts(workspaceRoot: string, cells: Look['cells']): string | undefined {
  const hash = createHash('sha256');
  for (const { receipt } of cells.flatMap(({ parts }) => parts)) {
    const text = readIfThere(join(workspaceRoot, receipt));
    if (text === undefined) return undefined;
    hash.update(`${receipt}\t${sha256(text)}\n`);
  }
  return hash.digest('hex');
}

/**
 * A digest of all that a verdict and its report are made from, but for the links of the report.
 *
 * @param receipts see `digestReceipts`.
 * @returns undefined where cells are open: their verdict is made each time.
 */
export async function madeFrom(
  workspaceRoot: string,
  { standing, plan, memory, openFaults, faults, unreadableFaults }: Look,
  receipts: string | undefined,
): Promise<string | undefined> {
  if (receipts === undefined || standing.outdated.size > 0 || openFaults.size > 0) return undefined;
  const { suite } = plan;
  const beside = [historyPath(suite), `suites/${suite}/project.json`, 'package.json'].map(
    (path) => readIfThere(join(workspaceRoot, path)) ?? null,
  );
  const code = await codeDigests();
  return sha256(JSON.stringify([code, receipts, plan, memory, faults, unreadableFaults, beside]));
}

/** What was said of the same, where all that was written then is as it was. */
export function sayAgain(
  workspaceRoot: string,
  suite: string,
  from: string,
): Pick<Said, 'verdict' | 'report'> | undefined {
  const said = readJson(saidSchema, join(workspaceRoot, saidPath(suite)));
  if (said?.madeFrom !== from) return undefined;
  const stands =
    Object.entries(said.wrote).every(([path, digest]) => digestOf(join(workspaceRoot, path)) === digest) &&
    Object.entries(said.linked).every(([path, there]) => existsSync(join(workspaceRoot, path)) === there);
  return stands ? { verdict: said.verdict, report: said.report } : undefined;
}

/** @param paths of the files that were written. */
export function keepSaid(
  workspaceRoot: string,
  suite: string,
  said: Omit<Said, 'wrote'>,
  paths: readonly string[],
): void {
  const wrote = Object.fromEntries(
    paths.map((path) => [path, digestOf(join(workspaceRoot, path)) ?? 'missing']),
  );
  writeWhole(join(workspaceRoot, saidPath(suite)), `${JSON.stringify({ schema: 1, ...said, wrote })}\n`);
}

function digestOf(path: string): string | undefined {
  const text = readIfThere(path);
  return text === undefined ? undefined : sha256(text);
}

let ofCode: Promise<string[]> | undefined;

/** Of the tools, whose code stays as it is while a process runs: newer ones judge anew. */
function codeDigests(): Promise<string[]> {
  ofCode ??= Promise.all(
    ['base', 'execution', 'results', 'suite'].map((room) => digestDirectory(join(TOOLS, room))),
  );
  return ofCode;
}
