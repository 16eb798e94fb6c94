// A directory on another file system than the temporary directory's.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

export interface SecondDevice {
  directory: string;
  release: () => Promise<void>;
}

/** Memory's file system, or another place of one's own, or one mounted for it; undefined where there is none. */
export async function secondDevice(): Promise<SecondDevice | undefined> {
  const first = statSync(tmpdir()).dev;
  for (const parent of ['/dev/shm', '/run/shm', '/var/tmp', homedir()]) {
    try {
      if (statSync(parent).dev === first) continue;
      const directory = mkdtempSync(join(parent, 'validation-second-'));
      const release = (): Promise<void> => {
        rmSync(directory, { recursive: true, force: true });
        return Promise.resolve();
      };
      return { directory, release };
    } catch {
      // Not there, or not for us.
    }
  }
  const directory = mkdtempSync(join(tmpdir(), 'validation-second-'));
  const mount = await execa('mount', ['-t', 'tmpfs', '-o', 'size=512m', 'tmpfs', directory], {
    reject: false,
  });
  if (mount.exitCode === 0) {
    const release = async (): Promise<void> => {
      await execa('umount', ['-l', directory]);
      rmSync(directory, { recursive: true, force: true });
    };
    return { directory, release };
  }
  rmSync(directory, { recursive: true, force: true });
  return undefined;
}
