// state/deadline.json: that cells of a suite were not started, or were ended, because this host is taken away.
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeWhole } from '../../base/files.js';

export const deadlinePath = (suite: string): string => `output/${suite}/state/deadline.json`;

const schema = z.object({ detected_at: z.iso.datetime(), cell: z.string(), message: z.string() });

export function noteDeadline(workspaceRoot: string, suite: string, cell: string, message: string): void {
  const record = { detected_at: new Date().toISOString(), cell, message };
  try {
    writeWhole(join(workspaceRoot, deadlinePath(suite)), `${JSON.stringify(record, null, 2)}\n`);
  } catch {
    // The cell itself has said it; without the record the run ends as with any other failure.
  }
}

/** Whether it happened since then (milliseconds since the epoch). */
export function metDeadline(workspaceRoot: string, suite: string, since: number): boolean {
  try {
    const found = schema.parse(JSON.parse(readIfThere(join(workspaceRoot, deadlinePath(suite))) ?? 'null'));
    return Date.parse(found.detected_at) >= since;
  } catch {
    return false;
  }
}
