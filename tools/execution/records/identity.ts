// What of this machine enters a result: the versions of the libraries, and the class of device.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { largest, readKnownPools } from '../engine/slurm/pools.js';
import { openLockDirectory } from '../lease/directory/lock-directory.js';
import { deviceClass, readPool } from '../lease/gpus/pool.js';
import type { GpuReading } from '../../host/gpu-answer.js';
import type { CellKind } from '../../suite/model/cell.js';
import { installedFlash } from '../../python-env/flash-record.js';
import { PYTHON_LOCK } from '../../suite/model/python-sources.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { Fault } from '../../base/fault.js';

/** Libraries whose version may change a result, by kind: a newer lm-eval makes no weights again. */
const LIBRARIES: Record<CellKind, readonly Library[]> = {
  data: ['datasets', 'lm-eval', 'invarlock'],
  setup: ['torch', 'transformers'],
  calibrate: ['torch', 'transformers', 'invarlock'],
  preset: ['invarlock'],
  baseline: ['torch', 'transformers', 'invarlock'],
  eval: ['torch', 'transformers', 'lm-eval'],
  // LAPACK, for low-rank edits, is scipy's.
  edit: ['torch', 'scipy'],
  inject: ['torch'],
  adopt: ['torch', 'transformers'],
  certify: ['torch', 'transformers', 'invarlock'],
  guards: ['torch', 'transformers', 'invarlock'],
  // Its InvarLock is another, which its specification names.
  regression: [],
  certify012: ['torch', 'transformers'],
  program: ['torch', 'transformers'],
};

/** Kinds that load models, each with the attention there is. */
const ATTENDING: readonly CellKind[] = ['calibrate', 'baseline', 'eval', 'certify', 'guards'];
/** Not of the lock file: where there are GPUs, what is in .venv, or `none`. */
const FLASH = 'flash-attn';

const PINNED = ['torch', 'transformers', 'invarlock', 'lm-eval', 'scipy', 'datasets'] as const;
type Library = (typeof PINNED)[number];

export type Versions = Record<string, string>;

export interface MachineIdentity {
  versions: Versions;
  deviceClass: string;
  pool: GpuReading[];
}

export async function readMachineIdentity(
  workspaceRoot: string,
  settings: SiteSettings,
): Promise<MachineIdentity> {
  const pool = await poolOfEngine(workspaceRoot, settings);
  const flash: Versions = pool.length === 0 ? {} : { [FLASH]: installedFlash(workspaceRoot) ?? 'none' };
  return {
    versions: { ...readVersions(workspaceRoot), ...flash },
    deviceClass: deviceClass(pool),
    pool,
  };
}

/** Where cells are jobs, what a probe found on a node: the head may have no GPU, or others. @throws Fault without one. */
export function poolOfEngine(workspaceRoot: string, settings: SiteSettings): Promise<GpuReading[]> {
  if (settings.engine === 'local') return readPool(settings, openLockDirectory(settings.lockDirectory));
  if (settings.accelerator === 'cpu') return Promise.resolve([]);
  return Promise.resolve(largest(readKnownPools(workspaceRoot, settings)));
}

/** The versions that belong to the fingerprint of a kind: of flash attention only where there are GPUs. */
export function versionsOf(kind: CellKind, versions: Versions): Versions {
  const flash = ATTENDING.includes(kind) ? versions[FLASH] : undefined;
  return {
    ...Object.fromEntries(LIBRARIES[kind].map((name) => [name, versions[name] ?? 'unknown'])),
    ...(flash === undefined ? {} : { [FLASH]: flash }),
  };
}

/** Versions as they are now, but of flash attention what a receipt says: like the GPUs, it is its machine's. */
export function versionsBeside(versions: Versions, recorded: Versions): Versions {
  const flash = recorded[FLASH];
  return flash === undefined ? versions : { ...versions, [FLASH]: flash };
}

/**
 * Versions as the hashed lock file pins them; `python-env` keeps `.venv` equal to it.
 *
 * @throws Fault when the lock file is missing or pins one of them not at all.
 */
export function readVersions(workspaceRoot: string): Versions {
  let lock: string;
  try {
    lock = readFileSync(join(workspaceRoot, PYTHON_LOCK), 'utf8');
  } catch {
    throw new Fault('environment', `${PYTHON_LOCK} is missing`, 'Restore it: git checkout -- ' + PYTHON_LOCK);
  }
  return Object.fromEntries(
    PINNED.map((name) => {
      const version = new RegExp(`^${name}==([^\\s;\\\\]+)`, 'm').exec(lock)?.[1];
      if (version === undefined) throw new Fault('environment', `${PYTHON_LOCK} does not pin ${name}`);
      return [name, version];
    }),
  );
}
