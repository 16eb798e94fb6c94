// What the host must have: lock directory, weights store, disk, GPUs.
import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { messageOf } from '../../base/message.js';
import { openLockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { readPool } from '../../execution/lease/gpus/pool.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { DISK_HINT, freeBytes, minFreeBytes, plannedWeights } from '../../execution/store/disk.js';
import { describeDisk, diskRefusal, gib, planDisk } from '../../execution/store/disk-plan.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { error, ok, warning, type Finding } from './finding.js';
import { makeDirectory } from '../../base/files.js';

export function lockDirectory(settings: SiteSettings): Finding[] {
  const what = 'lock directory';
  try {
    const { root } = openLockDirectory(settings.lockDirectory);
    tryLinks(root);
    return [ok(what, root)];
  } catch (cause) {
    return [
      error(
        what,
        messageOf(cause),
        'Name a directory of your own on a local disk: leases.directory in site.yaml.',
      ),
    ];
  }
}

export function store({ storageRoot }: SiteSettings): Finding[] {
  const what = 'weights store';
  try {
    makeDirectory(storageRoot);
    tryLinks(storageRoot);
    return [ok(what, storageRoot)];
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EPERM' || code === 'ENOTSUP') {
      return [
        warning(what, `${storageRoot} gives no hard links`, 'Locks need them: use a local file system.'),
      ];
    }
    return [error(what, messageOf(cause), 'Name a directory you may write: storage.root in site.yaml.')];
  }
}

/** Locks are hard links. */
function tryLinks(directory: string): void {
  const probe = join(directory, `.doctor-${randomBytes(6).toString('hex')}`);
  try {
    writeFileSync(probe, '');
    linkSync(probe, `${probe}-link`);
  } finally {
    rmSync(probe, { force: true });
    rmSync(`${probe}-link`, { force: true });
  }
}

export function disk(
  workspaceRoot: string,
  settings: SiteSettings,
  cells: readonly PlannedCell[],
): Finding[] {
  const { storageRoot, storageKeep } = settings;
  const plan = planDisk(plannedWeights(workspaceRoot, storageRoot, cells), storageKeep);
  const free = freeBytes(workspaceRoot, storageRoot);
  const floor = minFreeBytes(settings, cells);
  const refusal = diskRefusal(plan, free, floor);
  if (refusal !== undefined) return [error('disk', refusal, DISK_HINT)];
  if (free < floor) {
    return [error('disk', `${gib(free)} free, ${gib(floor)} stay free: no cell would start`, DISK_HINT)];
  }
  return [ok('disk', describeDisk(plan, storageKeep, free).replace(/^disk: /, ''))];
}

export async function gpus(settings: SiteSettings): Promise<Finding[]> {
  try {
    const directory = openLockDirectory(settings.lockDirectory);
    const pool = await readPool(settings, directory);
    if (pool.length === 0) {
      return settings.accelerator === 'cpu'
        ? [ok('GPUs', 'none is used (accelerator: cpu)')]
        : [
            warning(
              'GPUs',
              'none is seen: cells run on the CPU',
              'Check nvidia-smi and CUDA_VISIBLE_DEVICES.',
            ),
          ];
    }
    return pool.map(({ index, architecture, totalGiB, freeGiB }) => {
      const what = `GPU ${index}`;
      const size = `${architecture}, ${freeGiB.toFixed(0)} of ${totalGiB.toFixed(0)} GiB free`;
      return freeGiB < settings.minFreeGiB
        ? warning(
            what,
            size,
            `It takes no cell under ${settings.minFreeGiB} GiB (GPU_MIN_FREE_GB): see who uses it.`,
          )
        : ok(what, size);
    });
  } catch (cause) {
    return [error('GPUs', messageOf(cause), 'Mend the driver or the settings named.')];
  }
}
