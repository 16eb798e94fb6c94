// A lock directory that was removed while it was used: nothing is granted until those who hold leases have had the time
// to write them again, at their next heartbeat.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { monotonicMs } from '../../../base/clock.js';
import { writePlain } from '../../../host/plain-file.js';
import { bootId } from '../../../host/process-identity.js';
import { readRecord } from '../../../host/read-record.js';
import { HEARTBEAT_MS } from './heartbeat.js';
import { openLockDirectory, type LockDirectory } from './lock-directory.js';

const schema = z.object({ bootId: z.string(), untilMs: z.number() });

/** Open the directory again, which this process has used before; where it is gone, all wait for two heartbeats. */
export function reopen(directory: LockDirectory): void {
  const wasThere = existsSync(directory.leases);
  openLockDirectory(directory.root);
  if (wasThere) return;
  const recovery = { bootId: bootId(), untilMs: monotonicMs() + 2 * HEARTBEAT_MS };
  writePlain(pathOf(directory), JSON.stringify(recovery));
}

export function isRecovering(directory: LockDirectory, now: number): boolean {
  const found = readRecord(pathOf(directory), schema);
  return found.ok && found.value.bootId === bootId() && now < found.value.untilMs;
}

function pathOf({ root }: LockDirectory): string {
  return join(root, 'recovery.json');
}
