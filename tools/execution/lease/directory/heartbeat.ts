// The heartbeat of a lease: a file of its own, so that `status` can tell a silent executor from a busy one.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { monotonicMs } from '../../../base/clock.js';
import type { LockDirectory } from './lock-directory.js';
import { writePlain } from '../../../host/plain-file.js';
import { readRecord } from '../../../host/read-record.js';

export const HEARTBEAT_MS = 5_000;

const schema = z.object({ beatMs: z.number(), signOfLifeMs: z.number() });
export type Heartbeat = z.infer<typeof schema>;

/** Write the heartbeat of now; `signOfLifeMs`: when the worker last reported or wrote anything. */
export function writeHeartbeat(directory: LockDirectory, id: string, signOfLifeMs: number): void {
  writePlain(pathOf(directory, id), JSON.stringify({ beatMs: monotonicMs(), signOfLifeMs }));
}

export function readHeartbeat(directory: LockDirectory, id: string): Heartbeat | undefined {
  const found = readRecord(pathOf(directory, id), schema);
  return found.ok ? found.value : undefined;
}

export function removeHeartbeat(directory: LockDirectory, id: string): void {
  rmSync(pathOf(directory, id), { force: true, recursive: true });
}

function pathOf(directory: LockDirectory, id: string): string {
  return join(directory.heartbeats, `${id}.json`);
}
