// The record of a lease that was revoked by hand (`nx leases --break`): it tells the executor why its worker ended.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeWhole } from '../../../base/files.js';
import { isId, isOwnerAlive } from './ids.js';
import type { LockDirectory } from './lock-directory.js';
import { isGone, readRecord } from '../../../host/read-record.js';

const schema = z.object({
  /** Who did it: the name of the user and the process. */
  user: z.string(),
  pid: z.number(),
  at: z.string(),
});

export type Revocation = z.infer<typeof schema>;

/** From now on the lease's executor starts nothing under it any more. */
export function recordRevocation(directory: LockDirectory, id: string, by: Revocation): void {
  writeWhole(pathOf(directory, id), `${JSON.stringify(by)}\n`, 0o600);
}

export function isRevoked(directory: LockDirectory, id: string): boolean {
  return !isGone(readRecord(pathOf(directory, id), schema));
}

/** A sentence for whoever held the lease; undefined while nobody revoked it. */
export function revocationText(directory: LockDirectory, id: string): string | undefined {
  const found = readRecord(pathOf(directory, id), schema);
  if (!found.ok) {
    if (found.error.reason === 'gone') return undefined;
    return `its lease was broken by hand (${pathOf(directory, id)} ${found.error.message})`;
  }
  const { user, pid, at } = found.value;
  return `its lease was broken by ${user} (process ${pid}) at ${at}`;
}

export function removeRevocation(directory: LockDirectory, id: string): void {
  rmSync(pathOf(directory, id), { force: true });
}

/** Records outlive their lease while its executor might still act on it; those of dead executors are removed. */
export function sweepRevocations(directory: LockDirectory): void {
  for (const name of readdirSync(directory.revocations)) {
    // What is not yet renamed belongs to somebody at work.
    const id = name.replace(/\.json$/, '');
    if (isId(id) && !isOwnerAlive(id)) removeRevocation(directory, id);
  }
}

function pathOf(directory: LockDirectory, id: string): string {
  return join(directory.revocations, `${id}.json`);
}
