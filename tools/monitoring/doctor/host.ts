// What the host must have: lock directory, weights store, disk, GPUs.
import { messageOf } from '../../base/message.js';
import { sizeText } from '../../base/units.js';
import { openLockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { readPoolWithNotes } from '../../execution/lease/gpus/pool.js';
import { poolOfEngine } from '../../execution/records/identity.js';
import { monotonicMs } from '../../base/clock.js';
import { runNvidiaSmi } from '../../host/nvidia-smi.js';
import { otherGpus } from '../../host/other-gpus.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { DISK_HINT, freeBytes, minFreeBytes, plannedWeights } from '../../execution/store/disk.js';
import { stagedCopies, stagingArea, stagingProblem, sumOf } from '../../execution/store/staged-copies.js';
import { basisText, describeDisk, diskRefusal, planDisk } from '../../execution/store/disk-plan.js';
import { poolDevices } from '../../execution/cell/lease-request.js';
import { tryHardLink } from '../../host/hard-links.js';
import { hostRamGiB } from '../../host/host.js';
import type { Devices } from '../../suite/memory/memory-plan.js';
import { unfitReason } from '../../suite/memory/unfit.js';
import { readProfiles } from '../../suite/memory/profiles.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { error, ok, warning, type Finding } from './finding.js';
import { makeDirectory } from '../../base/files.js';

export function lockDirectory(settings: SiteSettings): Finding[] {
  const what = 'lock directory';
  try {
    const { root } = openLockDirectory(settings.lockDirectory);
    tryHardLink(root);
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
    tryHardLink(storageRoot);
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

/** Where a node keeps copies of weights. Nothing that is wrong there keeps a cell from running: it reads the store. */
export function staging(settings: SiteSettings): Finding[] {
  const area = stagingArea(settings);
  const what = 'staging';
  const problem = stagingProblem(settings);
  if (problem !== undefined) {
    const fix = "Name a directory you may write on this host's own disk: storage.staging in site.yaml.";
    return [warning(what, problem, fix)];
  }
  if (area === undefined) return [];
  const copies = sizeText(sumOf(stagedCopies(area.root)));
  return [ok(what, `${area.root}: ${copies} of copies, ${sizeText(area.disk().freeBytes)} free`)];
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
    return [
      error('disk', `${sizeText(free)} free, ${sizeText(floor)} stay free: no cell would start`, DISK_HINT),
    ];
  }
  return [ok('disk', describeDisk(plan, storageKeep, free).replace(/^disk: /, ''))];
}

/** Whether every cell could run here, as plans and leases reckon. What is only estimated is no error: its setup may tell better. */
export async function memory(
  workspaceRoot: string,
  suite: string,
  settings: SiteSettings,
  cells: readonly PlannedCell[],
): Promise<Finding[]> {
  const what = 'memory';
  const devices = await devicesOf(workspaceRoot, settings);
  if (devices === undefined) return [];
  const host = { devices, ramGiB: hostRamGiB() };
  const profiles = readProfiles(workspaceRoot, suite, cells);
  const unfit = new Map<string, string>();
  const byName = new Set<string>();
  for (const cell of cells) {
    const { id, kind, model, sourceGiB } = cell;
    const profile = profiles.get(model);
    if (kind !== 'data' && profile === undefined && sourceGiB === undefined) byName.add(model);
    const why = unfitReason(cell, profile, settings, host);
    if (why !== undefined && !unfit.has(model)) unfit.set(model, `${id} ${why}`);
  }
  const see = `npx nx run ${suite}:plan shows every cell. Take a larger host, or leave the model out.`;
  const found = [...unfit].map(([model, why]) =>
    byName.has(model)
      ? warning(what, `model ${model} may not fit here, estimated by size class: ${why}`, see)
      : error(what, `model ${model} does not fit here: ${why}`, see),
  );
  if (found.length > 0) return found;
  return [ok(what, `every cell fits${basisText([...byName])}`)];
}

/** Undefined where the checks of the lock directory and the GPUs say what is wrong. */
async function devicesOf(workspaceRoot: string, settings: SiteSettings): Promise<Devices | undefined> {
  try {
    return poolDevices(await poolOfEngine(workspaceRoot, settings), settings);
  } catch {
    return undefined;
  }
}

export async function gpus(settings: SiteSettings): Promise<Finding[]> {
  try {
    const directory = openLockDirectory(settings.lockDirectory);
    const { pool, notes } = await readPoolWithNotes(settings, directory);
    if (pool.length === 0) {
      return settings.accelerator === 'cpu'
        ? [ok('GPUs', 'none is used (accelerator: cpu)')]
        : [
            warning(
              'GPUs',
              `none is seen: cells run on the CPU${otherGpus() ?? ''}`,
              'Check nvidia-smi and CUDA_VISIBLE_DEVICES.',
            ),
          ];
    }
    const told = notes.map((note) => warning('GPUs', note, 'See docs/gpu-drivers.md.'));
    const each = pool.map(({ index, architecture, totalGiB, freeGiB }) => {
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
    return [...each, ...told, ...(await speed(settings))];
  } catch (cause) {
    return [error('GPUs', messageOf(cause), 'Mend the driver or the settings named.')];
  }
}

const SLOW_MS = 1_000;
const PERSISTENCE =
  'Turn persistence mode on: nvidia-smi -pm 1 as root, or the service nvidia-persistenced. Else the driver is loaded anew for every question.';

/** How long nvidia-smi takes, which every scheduler pass waits for, and whether the driver stays loaded. */
async function speed({ nvidiaSmiSeconds }: SiteSettings): Promise<Finding[]> {
  const began = monotonicMs();
  const query = ['--query-gpu=persistence_mode', '--format=csv,noheader'];
  const answer = await runNvidiaSmi(query, nvidiaSmiSeconds * 1_000);
  const tookMs = monotonicMs() - began;
  const took = `answers in ${(tookMs / 1_000).toFixed(1)} s`;
  const isOff = /^disabled$/im.test(answer?.stdout ?? '');
  if (tookMs < SLOW_MS && !isOff) return [ok('nvidia-smi', took)];
  return [warning('nvidia-smi', isOff ? `${took}, with persistence mode off` : took, PERSISTENCE)];
}
