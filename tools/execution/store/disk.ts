// Free disk at the edge: what a plan finds, whether a cell may start, and the record of a disk that ran short.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../base/canonical.js';
import { writeWhole } from '../../base/files.js';
import { deviceOf, freeDiskBytes } from '../../host/host.js';
import { GIB } from '../../base/units.js';
import { storedGiB } from '../../suite/memory/memory.js';
import { isFromHub, type PlannedCell } from '../../suite/plan/planned.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { manifestAt, waitingFor, weightsOfPlan } from './consumers.js';
import { minFreeDiskGiB, type PlannedWeights } from './disk-plan.js';
import { Fault } from '../../base/fault.js';
import { missingFile } from '../records/manifest.js';

/** The weights of cells, as the workspace and the store have them now. */
export function plannedWeights(
  workspaceRoot: string,
  storageRoot: string,
  cells: readonly PlannedCell[],
): (PlannedWeights & { manifest: string })[] {
  const baselines = new Map<string, number>();
  const all = weightsOfPlan(cells);
  for (const { cell, manifest } of all) {
    const known = cell.kind === 'setup' ? manifestAt(workspaceRoot, manifest)?.bytes : undefined;
    if (known !== undefined) baselines.set(cell.model, known);
  }
  return all.map(({ cell, part, manifest }) => {
    const found = manifestAt(workspaceRoot, manifest);
    const known = found?.bytes ?? baselines.get(cell.model);
    const there = found !== undefined && missingFile(storageRoot, found) === undefined;
    const isAwaited = (): boolean =>
      waitingFor(workspaceRoot, cells, manifest, digestOf(join(workspaceRoot, manifest))).length > 0;
    return {
      manifest,
      model: cell.model,
      kind: cell.kind,
      bytes: known ?? storedGiB(cell) * GIB,
      byName: known === undefined && cell.sourceGiB === undefined && cell.kind !== 'data',
      there,
      // Looking reads the receipts of all that read it.
      wanted: there || found === undefined || isAwaited(),
      hubCopy: isFromHub(part) && deviceOf(hubCache()) === deviceOf(storageRoot),
    };
  });
}

function digestOf(path: string): string {
  try {
    return sha256(readFileSync(path));
  } catch {
    return '';
  }
}

function hubCache(): string {
  const { HF_HUB_CACHE, HF_HOME, HOME } = process.env;
  return HF_HUB_CACHE ?? join(HF_HOME ?? join(HOME ?? '/', '.cache', 'huggingface'), 'hub');
}

/** What stays free: as the site says, or as the suite's own size. */
export function minFreeBytes(
  { minFreeDiskGiB: written }: SiteSettings,
  cells: readonly PlannedCell[],
): number {
  const suiteGiB = weightsOfPlan(cells).reduce((sum, { cell }) => sum + storedGiB(cell), 0);
  return minFreeDiskGiB(written, suiteGiB) * GIB;
}

/** Bytes an ordinary user may still write, where that is least: in the store, or where results and logs go. */
export function freeBytes(workspaceRoot: string, storageRoot: string): number {
  return Math.min(freeDiskBytes(storageRoot), freeDiskBytes(join(workspaceRoot, 'output')));
}

export interface DiskWatch {
  workspaceRoot: string;
  suite: string;
  settings: SiteSettings;
  minFreeBytes: number;
}

export const pressurePath = (suite: string): string => `output/${suite}/state/disk_pressure.json`;

/** The sentence for a disk with too little free space, which is then on record; undefined while there is enough. */
export function diskPressure(watch: DiskWatch): string | undefined {
  const { workspaceRoot, suite, settings, minFreeBytes: floor } = watch;
  const free = freeBytes(workspaceRoot, settings.storageRoot);
  const path = join(workspaceRoot, pressurePath(suite));
  if (free >= floor) {
    rmSync(path, { force: true });
    return undefined;
  }
  const record = {
    detected_at: new Date().toISOString(),
    free_gb: rounded(free),
    min_free_gb: rounded(floor),
    output_dir: join(workspaceRoot, 'output', suite),
    store: settings.storageRoot,
  };
  try {
    writeWhole(path, `${JSON.stringify(record, null, 2)}\n`);
  } catch {
    // So full that not even that can be written: the sentence tells it.
  }
  return `${rounded(free)} GiB of disk are free, under the ${rounded(floor)} GiB that stay free (MIN_FREE_DISK_GB)`;
}

/** @throws Fault when the disk has too little free space for any cell to start. */
export function requireDisk(watch: DiskWatch): void {
  const pressure = diskPressure(watch);
  if (pressure === undefined) return;
  throw new Fault('disk_full', `not started: ${pressure}`, DISK_HINT);
}

export const DISK_HINT =
  'Free some space (npx nx run <suite>:clean says what can be made again), let weights go once nothing waits for them ' +
  '(storage.keep), or lower storage.min_free_gib. The same command then goes on from here.';

const rounded = (bytes: number): number => Math.round((bytes / GIB) * 1000) / 1000;
