// Directories where processes of one user lock, lease and keep copies: each is that user's alone, and no link leads elsewhere.
import { lstatSync, type Stats } from 'node:fs';
import { makeDirectory } from '../base/files.js';
import { messageOf } from '../base/message.js';

/** What a message calls the directory, and the setting that names another. */
interface Named {
  what: string;
  setting: string;
}

const OF_LOCKS: Named = { what: 'lock directory', setting: 'leases.directory' };

/**
 * Make a directory of this user's own (mode 0700), or check the one that is there.
 *
 * @throws Error when it is a symbolic link, no directory, another user's, or open to others.
 */
export function openPrivateDirectory(path: string, { what, setting } = OF_LOCKS): void {
  const fault = makeOrCheck(path);
  if (fault === undefined) return;
  throw new Error(`${what} ${path} ${fault}. Name another in workspace-config/site.yaml (${setting}).`);
}

function makeOrCheck(path: string): string | undefined {
  try {
    const present = lstatSync(path, { throwIfNoEntry: false });
    if (present === undefined) makeDirectory(path, 0o700);
    return faultOf(present ?? lstatSync(path));
  } catch (error) {
    return `cannot be used (${messageOf(error)})`;
  }
}

function faultOf(stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return 'is a symbolic link';
  if (!stats.isDirectory()) return 'is not a directory';
  const uid = process.getuid?.();
  if (uid !== undefined && stats.uid !== uid) return `belongs to user ${stats.uid}, not to you (${uid})`;
  if ((stats.mode & 0o077) !== 0)
    return `is open to other users (mode ${(stats.mode & 0o777).toString(8)}, 700 wanted)`;
  if ((stats.mode & 0o700) !== 0o700)
    return `is closed to you (mode ${(stats.mode & 0o777).toString(8)}, 700 wanted)`;
  return undefined;
}
