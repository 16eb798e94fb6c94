// Removes lock directories that Slurm jobs left on this host when they were killed: whoever comes next does it.
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isOwnerAlive } from '../../lease/directory/ids.js';
import { isLive } from './states.js';

/** Whoever works in one writes more often. Another cluster's job of the same number is not this controller's to judge. */
const QUIET_MS = 10 * 60_000;
/** What jobs add to the name of the site's lock directory (host/slurm.ts). */
const OF_JOB = /-slurm-(\d+)(-gpus-[\w.-]+)?$/;

/**
 * One stays that is not this user's, in which somebody lives or wrote lately, or whose job may be in the queue; all of them
 * while nobody can be asked.
 *
 * @param lockDirectory of this process.
 * @returns what was removed.
 */
export async function removeEndedDirectories(lockDirectory: string): Promise<string[]> {
  const site = basename(lockDirectory).replace(OF_JOB, '');
  const parent = dirname(lockDirectory);
  const left = readdirSync(parent).flatMap((name) => {
    const job = OF_JOB.exec(name)?.[1];
    const path = join(parent, name);
    if (job === undefined || name.replace(OF_JOB, '') !== site || path === lockDirectory) return [];
    return isDeserted(path) ? [{ job, path }] : [];
  });
  if (left.length === 0) return [];
  // Only now: every run comes here, and mostly nothing is left.
  const { slurm } = await import('./commands.js');
  const queue = await slurm('squeue', ['--me', '--noheader', '--states=all', '--format=%A|%T']);
  if (!queue.ok) return [];
  const live = new Set(
    queue.value
      .split('\n')
      .map((line) => line.split('|'))
      .flatMap(([id = '', state = '']) => (isLive(state) ? [id] : [])),
  );
  const ended = left.filter(({ job }) => !live.has(job)).map(({ path }) => path);
  for (const path of ended) rmSync(path, { recursive: true, force: true });
  return ended;
}

/** This user's own, as lock directories are, and no process lives in it. */
function isDeserted(path: string): boolean {
  try {
    const stats = lstatSync(path);
    if (!stats.isDirectory() || stats.uid !== process.getuid?.() || (stats.mode & 0o077) !== 0) return false;
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
    const nowMs = Date.now();
    const isQuiet = (at: string): boolean => nowMs - lstatSync(at).mtimeMs > QUIET_MS;
    return (
      isQuiet(path) &&
      names.every((name) => isQuiet(join(path, name)) && !isOwnerAlive(basename(name).replace(/\.json$/, '')))
    );
  } catch {
    // Something goes or comes there just now.
    return false;
  }
}
