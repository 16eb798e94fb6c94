// The heartbeat of a lease: a file of its own, so that `status` can tell a silent executor from a busy one.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { monotonicMs } from '../../../base/clock.js';
import type { LockDirectory } from './lock-directory.js';
import { writePlain } from '../../../host/plain-file.js';
import { readRecord } from '../../../host/read-record.js';

export const BEAT_MS = 5_000;

const schema = z.object({ beatMs: z.number(), signOfLifeMs: z.number() });
export type Beat = z.infer<typeof schema>;

/** Beat now; `signOfLifeMs`: when the worker last said or wrote anything. */
export function writeBeat(directory: LockDirectory, id: string, signOfLifeMs: number): void {
  writePlain(pathOf(directory, id), JSON.stringify({ beatMs: monotonicMs(), signOfLifeMs }));
}

export function readBeat(directory: LockDirectory, id: string): Beat | undefined {
  const found = readRecord(pathOf(directory, id), schema);
  return found.state === 'read' ? found.value : undefined;
}

export function removeBeat(directory: LockDirectory, id: string): void {
  rmSync(pathOf(directory, id), { force: true, recursive: true });
}

function pathOf(directory: LockDirectory, id: string): string {
  return join(directory.beats, `${id}.json`);
}
