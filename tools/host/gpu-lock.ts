// One lock a GPU, at one place for all users, lock directories and containers of a host: a lock of the kernel (flock) on
// a file that all can read. It ends with the process that has it, however that ends.
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from '../base/files.js';
import { messageOf } from '../base/message.js';
import { fail, ok, type Result } from '../base/result.js';
import { flock, type Locked } from './flock.js';

/** Not the temporary directory of a user: all must look at the same place. */
export const DEFAULT_GPU_LOCKS = '/tmp/validation-suite-gpus';

export interface GpuLocks {
  /** Lock again what somebody removed or replaced; a sentence for each GPU that another has meanwhile. */
  keep: () => string[];
  release: () => void;
}

export type NoGpuLock =
  /** Another process has one of them: who, as a sentence. */
  | { reason: 'held'; message: string }
  /** Locks cannot be had here. */
  | { reason: 'unusable'; message: string };

/** Whether a note is of a holder that takes others beside it. */
export type Joins = (note: string) => boolean;

/**
 * Lock all these GPUs, or none.
 *
 * @param what holds them, for others to read: `lease 12-ab… of cell …`.
 * @param joins given where several share a GPU: beside whom. Nobody else has it then.
 */
export function lockGpus(
  directory: string,
  uuids: readonly string[],
  what: string,
  joins?: Joins,
): Result<GpuLocks, NoGpuLock> {
  const held = new Map<string, number>();
  const note = `${what} of ${userName()}, process ${process.pid}\n`;
  const release = (): void => {
    for (const fd of held.values()) free(fd, joins !== undefined);
    held.clear();
  };
  for (const uuid of [...uuids].sort()) {
    const taken = take(directory, uuid, note, joins);
    if (!taken.ok) {
      release();
      return taken;
    }
    held.set(uuid, taken.value);
  }
  return ok({
    release,
    keep() {
      return [...held].flatMap(([uuid, fd]) => {
        if (isSame(pathOf(directory, uuid), fd)) {
          // Who cleans temporary directories goes by age.
          write(fd, note);
          return [];
        }
        const again = take(directory, uuid, note, joins);
        if (!again.ok)
          return [`the lock of ${uuid} was removed, and cannot be had again: ${again.error.message}`];
        closeSync(fd);
        held.set(uuid, again.value);
        return [];
      });
    },
  });
}

/** Who has the GPU, as a sentence; undefined where nobody has. @param isOwn whether a note is of those who ask. */
export function gpuHolder(
  directory: string,
  uuid: string,
  isOwn: (note: string) => boolean,
): string | undefined {
  const path = pathOf(directory, uuid);
  const note = noteAt(path);
  // Holders leave nothing there when they end well: no process has to be started to look.
  if (note === '' || isOwn(note)) return undefined;
  const opened = open(path);
  if (!opened.ok) return undefined;
  try {
    return flock(opened.value, 'alone') === 'held' ? holderText(uuid, note) : undefined;
  } finally {
    closeSync(opened.value);
  }
}

function take(
  directory: string,
  uuid: string,
  note: string,
  joins: Joins | undefined,
): Result<number, NoGpuLock> {
  const path = pathOf(directory, uuid);
  for (;;) {
    const made = makePlace(directory);
    const opened = made.ok ? open(path) : made;
    if (!opened.ok) return opened;
    const fd = opened.value;
    const locked = joins === undefined ? flock(fd, 'alone') : lockTogether(fd, path, note, joins);
    if (locked === 'locked' && isSame(path, fd)) {
      write(fd, note);
      return ok(fd);
    }
    closeSync(fd);
    if (locked === 'held') return fail({ reason: 'held', message: holderText(uuid, noteAt(path)) });
    if (locked !== 'locked')
      return fail({ reason: 'unusable', message: `GPUs cannot be locked on this host: ${locked.none}` });
    // Removed between the two: the file that stands there now counts.
  }
}

/** The first one takes it alone, says who it is, and then lets those in who know it. */
function lockTogether(fd: number, path: string, note: string, joins: Joins): Locked {
  const alone = flock(fd, 'alone');
  if (alone === 'locked') {
    write(fd, note);
    return flock(fd, 'together');
  }
  if (alone !== 'held' || !joins(noteAt(path))) return alone;
  const beside = flock(fd, 'together');
  // Meanwhile another may have come and gone.
  return beside === 'locked' && !joins(noteAt(path)) ? 'held' : beside;
}

function pathOf(directory: string, uuid: string): string {
  return join(directory, `${uuid}.lock`);
}

function makePlace(directory: string): Result<undefined, NoGpuLock> {
  try {
    makeDirectory(directory);
    // As a temporary directory: all may make files, none may remove another's.
    if (statSync(directory).uid === process.getuid?.()) chmodSync(directory, 0o1777);
    return ok(undefined);
  } catch (error) {
    return unusable(directory, error);
  }
}

/** Without O_CREAT first: the kernel refuses that for other users' files in such directories. */
function open(path: string): Result<number, NoGpuLock> {
  for (let tries = 0; ; tries += 1) {
    try {
      return ok(openSync(path, constants.O_RDWR | constants.O_NOFOLLOW));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries > 9) return unusable(path, error);
    }
    try {
      const fd = openSync(
        path,
        constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        0o666,
      );
      chmodSync(path, 0o666);
      return ok(fd);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return unusable(path, error);
    }
  }
}

function unusable(path: string, error: unknown): { ok: false; error: NoGpuLock } {
  const message = `the lock of a GPU cannot be had: ${messageOf(error)} (${path}). All users of this host need it; leases.gpu_locks in workspace-config/site.yaml names another place, the same for all.`;
  return fail({ reason: 'unusable', message });
}

function isSame(path: string, fd: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const own = fstatSync(fd);
  return there?.ino === own.ino && there.dev === own.dev;
}

/** Whole at every moment: a holder writes the same again. */
function write(fd: number, note: string): void {
  writeSync(fd, note, 0);
  ftruncateSync(fd, Buffer.byteLength(note));
}

function free(fd: number, isShared: boolean): void {
  try {
    // The note stays for those who still have it.
    if (!isShared || flock(fd, 'alone') === 'locked') ftruncateSync(fd);
  } catch {
    // A full disk: the note is old, and the lock is gone all the same.
  }
  closeSync(fd);
}

function noteAt(path: string): string {
  try {
    // Anybody may have written there: little of it, in one line, is shown.
    return readFileSync(path, 'utf8')
      .slice(0, 200)
      .replace(/[^\x20-\x7e]+/g, ' ')
      .trim();
  } catch {
    return '';
  }
}

function holderText(uuid: string, note: string): string {
  return `${uuid} is held outside of this lock directory${note === '' ? '' : `: ${note}`}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? '?'}`;
  }
}
