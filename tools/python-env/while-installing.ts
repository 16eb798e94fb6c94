// One installation into .venv at a time: that of the locked packages, or of an InvarLock beside them. Cells that begin at
// once all want it: one installs, the others wait, and where it fails they fail by the same words without trying again.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault } from '../base/fault.js';
import { readIfThere, writeWhole } from '../base/files.js';
import { messageOf } from '../base/message.js';
import type { Log } from '../base/text/live-lines.js';

export interface Installing {
  log: Log;
  /** Ends the wait, and what is being installed. */
  signal?: AbortSignal;
}

/** Loads what it needs of the lock only now: mostly there is nothing to install. */
export async function whileInstalling<T>(
  workspaceRoot: string,
  { log, signal }: Installing,
  body: () => Promise<T>,
): Promise<T> {
  const { withLongLock } = await import('../host/long-lock.js');
  const { loadSiteSettings } = await import('../suite/settings/settings.js');
  const lock = {
    ...{ name: 'python-env', path: workspaceRoot, doing: 'is installing it', timeoutMs: 3_600_000, log },
    whileWaiting: () => {
      if (signal?.aborted === true) throw cancelled();
    },
  };
  const began = Date.now();
  return withLongLock(loadSiteSettings(workspaceRoot).lockDirectory, lock, async () => {
    const failure = readFailure(workspaceRoot);
    if (failure !== undefined && failure.at >= began)
      throw new Fault('environment', failure.message, failure.hint);
    try {
      const done = await body();
      rmSync(failurePath(workspaceRoot), { force: true });
      return done;
    } catch (error) {
      if (signal?.aborted === true) throw cancelled();
      noteFailure(workspaceRoot, error);
      throw error;
    }
  });
}

export function cancelled(): Fault {
  return new Fault('cancelled', 'cancelled while Python packages were installed');
}

const failureSchema = z.object({ at: z.number(), message: z.string(), hint: z.string() });

function failurePath(workspaceRoot: string): string {
  return join(workspaceRoot, '.nx', 'validation-python-env.json');
}

function readFailure(workspaceRoot: string): z.infer<typeof failureSchema> | undefined {
  try {
    return failureSchema.parse(JSON.parse(readIfThere(failurePath(workspaceRoot)) ?? ''));
  } catch {
    return undefined;
  }
}

function noteFailure(workspaceRoot: string, error: unknown): void {
  const hint = error instanceof Fault ? error.hint : '';
  const failure = { at: Date.now(), message: messageOf(error), hint };
  try {
    writeWhole(failurePath(workspaceRoot), `${JSON.stringify(failure)}\n`);
  } catch {
    // A workspace that cannot be written: the next one tries, and says so itself.
  }
}
