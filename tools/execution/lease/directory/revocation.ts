// That a lease was broken by hand: a file that tells its executor why its worker ended.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeWhole } from '../../../base/files.js';
import { isId, isOwnerAlive } from './ids.js';
import type { LockDirectory } from './lock-directory.js';
import { readRecord } from '../../../host/read-record.js';

const schema = z.object({
  /** Who did it: the name of the user and the process. */
  user: z.string(),
  pid: z.number(),
  at: z.string(),
});

export type Break = z.infer<typeof schema>;

/** From now on the lease's executor starts nothing under it any more. */
export function markBroken(directory: LockDirectory, id: string, by: Break): void {
  writeWhole(pathOf(directory, id), `${JSON.stringify(by)}\n`, 0o600);
}

export function isBroken(directory: LockDirectory, id: string): boolean {
  return readRecord(pathOf(directory, id), schema).state !== 'gone';
}

/** A sentence for whoever held the lease; undefined while nobody broke it. */
export function whyBroken(directory: LockDirectory, id: string): string | undefined {
  const found = readRecord(pathOf(directory, id), schema);
  if (found.state === 'gone') return undefined;
  if (found.state === 'damaged')
    return `its lease was broken by hand (${pathOf(directory, id)} ${found.why})`;
  const { user, pid, at } = found.value;
  return `its lease was broken by ${user} (process ${pid}) at ${at}`;
}

export function forgetBreak(directory: LockDirectory, id: string): void {
  rmSync(pathOf(directory, id), { force: true });
}

/** Marks outlive their lease while its executor might still act on it; those of the dead go. */
export function sweepBreaks(directory: LockDirectory): void {
  for (const name of readdirSync(directory.breaks)) {
    // What is not yet renamed belongs to somebody at work.
    const id = name.replace(/\.json$/, '');
    if (isId(id) && !isOwnerAlive(id)) forgetBreak(directory, id);
  }
}

function pathOf(directory: LockDirectory, id: string): string {
  return join(directory.breaks, `${id}.json`);
}
