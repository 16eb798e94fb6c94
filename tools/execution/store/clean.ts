// What can be made again of a suite's weights, what of it may go, and the going.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sizeText } from '../../base/units.js';
import { requireGeneratedSuite } from '../../suite/nx/generated.js';
import { manifestAt, removeLink, weightsOfPlan } from './consumers.js';
import { evictEntry, removeUnfinished } from './evict-weights.js';
import { leftBehind } from './left-behind.js';
import { removeCopies, stagedCopies, sumOf, type StagedCopy } from './staged-copies.js';
import type { CellKind } from '../../suite/model/cell.js';
import { beside, isDownloadLink } from '../../suite/model/paths.js';

export interface CleanOptions {
  workspaceRoot: string;
  suite: string;
  storageRoot: string;
  /** Where this host has copies of weights, whatever suite they are of. */
  staging?: string | undefined;
  /** Downloads and trainings too (baselines, and data of the hub), which take longest to come back. */
  baselines: boolean;
}

export interface Removable {
  name: string;
  recipe: string;
  bytes: number;
  link: string | undefined;
}

/** What lies in the store of a suite. */
export interface Stored {
  /** What its cells can make again, and what they made before of models and edits that it no longer has. */
  removable: Removable[];
  /** Of what it no longer has: downloads and trainings, which go by `baselines` only, as those of the suite do. */
  staying: Removable[];
}

/** @throws Error when the suite has no projects. */
export function storedWeights(options: CleanOptions): Stored {
  const { workspaceRoot, suite, storageRoot, baselines } = options;
  const { cells } = requireGeneratedSuite(workspaceRoot, suite);
  const stored = (manifest: string): { recipe: string; bytes: number } | undefined => {
    const found = manifestAt(workspaceRoot, manifest);
    if (found === undefined || !existsSync(join(storageRoot, found.recipe))) return undefined;
    return { recipe: found.recipe, bytes: found.bytes };
  };
  const planned = weightsOfPlan(cells);
  const own = planned.flatMap(({ cell, part, manifest }) => {
    const found = isDownloaded(cell.kind) && !baselines ? undefined : stored(manifest);
    if (found === undefined) return [];
    const variant =
      cell.kind === 'edit' ? part.name : (cell.id.split(':')[0]?.split('.').at(-1) ?? part.name);
    return [{ name: `${cell.model} ${variant}`, ...found, link: part.link }];
  });
  // A renamed edit has the weights that it had under its old name.
  const needed = new Set(planned.map(({ manifest }) => stored(manifest)?.recipe));
  const old = leftBehind(workspaceRoot, suite, cells).links.flatMap((link) => {
    const found = stored(beside(link).manifest);
    if (found === undefined || needed.has(found.recipe)) return [];
    return [{ name: `${link} (no longer in the suite)`, ...found, link }];
  });
  const stays = ({ link }: Removable): boolean => !baselines && isDownloadLink(link ?? '');
  return { removable: [...own, ...old.filter((one) => !stays(one))], staying: old.filter(stays) };
}

/** What takes longest to come back, or does not come back once the hub has it no more. */
function isDownloaded(kind: CellKind): boolean {
  return kind === 'setup' || kind === 'data';
}

/** What stands below output/<suite> of cells that the suite no longer has, for people; nothing where there is none. */
export function describeLeftBehind({ workspaceRoot, suite }: CleanOptions): string[] {
  const { cells } = requireGeneratedSuite(workspaceRoot, suite);
  const { paths } = leftBehind(workspaceRoot, suite, cells);
  if (paths.length === 0) return [];
  return [
    `results of models, edits or runs that ${suite} no longer has; no report shows them:`,
    ...paths.map((path) => `  ${path}`),
    'They stay. To remove one: rm -r <path>',
  ];
}

/** What would go, for people. */
export async function describeRemovable(
  { removable: all, staying }: Stored,
  options: CleanOptions,
): Promise<{ lines: string[]; empty: boolean }> {
  const leftovers = await removeUnfinished(options.storageRoot, true);
  const copies = options.staging === undefined ? [] : stagedCopies(options.staging);
  const total = all.reduce((sum, { bytes }) => sum + bytes, 0);
  const lines = [
    ...all.map(({ name, bytes }) => `  ${sizeText(bytes).padStart(10)}  ${name}`),
    ...leftovers.map((name) => `  ${'unfinished'.padStart(10)}  ${name}`),
    ...staying.map(({ name, bytes }) => `  ${sizeText(bytes).padStart(10)}  ${name} stays (--baselines)`),
    ...copiesText(options.staging, copies),
    all.length + leftovers.length === 0
      ? `nothing of ${options.suite} can go${options.baselines ? '' : ' (baselines aside: --baselines)'}`
      : `${sizeText(total)} can go: ${all.length} weights, which are made again when a cell needs them` +
        (options.baselines ? '' : '; baselines stay (--baselines)'),
  ];
  return { lines, empty: all.length + leftovers.length + copies.length === 0 };
}

function copiesText(root: string | undefined, copies: readonly StagedCopy[]): string[] {
  if (root === undefined || copies.length === 0) return [];
  return [
    `  ${sizeText(sumOf(copies)).padStart(10)}  copies on this host's own disk (${root}), of all suites`,
  ];
}

/** Results, receipts and manifests stay: finished cells stay finished. What a running cell uses stays too. */
export async function clean(
  all: readonly Removable[],
  { workspaceRoot, storageRoot, staging }: CleanOptions,
  log: (line: string) => void,
): Promise<void> {
  let freed = 0;
  for (const { name, recipe, bytes, link } of all) {
    const how = await evictEntry(storageRoot, recipe);
    if (how === 'used') log(`${name} stays: a running cell uses it`);
    if (how !== 'evicted') continue;
    removeLink(workspaceRoot, link);
    freed += bytes;
  }
  await removeUnfinished(storageRoot);
  if (staging !== undefined) freed += await removeCopies(staging);
  log(`${sizeText(freed)} freed`);
}
