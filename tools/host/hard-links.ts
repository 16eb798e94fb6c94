// Whether a directory's disk gives hard links: locks are such links.
import { randomBytes } from 'node:crypto';
import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Make a file and a link to it, and remove both. @throws what keeps either from being made. */
export function tryHardLink(directory: string): void {
  const probe = join(directory, `.probe-${randomBytes(6).toString('hex')}`);
  try {
    writeFileSync(probe, '');
    linkSync(probe, `${probe}-link`);
  } finally {
    for (const path of [probe, `${probe}-link`]) rmSync(path, { force: true });
  }
}
