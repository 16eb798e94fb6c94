// Directories where processes of one user lock and lease: each is that user's alone, and no link leads elsewhere.
import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { messageOf } from '../base/message.js';

/**
 * Make a part of the lock directory (mode 0700) or check the one that is there.
 *
 * @throws Error when it is a symbolic link, no directory, another user's, or open to others.
 */
export function openPrivateDirectory(path: string): void {
  const fault = makeOrCheck(path);
  if (fault === undefined) return;
  throw new Error(
    `lock directory ${path} ${fault}. Name another in workspace-config/site.yaml (leases.directory).`,
  );
}

function makeOrCheck(path: string): string | undefined {
  try {
    const present = lstatSync(path, { throwIfNoEntry: false });
    if (present === undefined) mkdirSync(path, { recursive: true, mode: 0o700 });
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
