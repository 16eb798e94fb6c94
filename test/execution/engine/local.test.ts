// The engine `local` keeps what every engine promises.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe } from 'vitest';
import { runWork } from '../../../tools/execution/engine/engine.js';
import { localEngine } from '../../../tools/execution/engine/local.js';
import type { HeldLease } from '../../../tools/execution/lease/hold.js';
import { contract, type Said, type Task } from '../../support/engine/contract.js';
import { setEnvironment } from '../../support/environment.js';
import { requestOf } from '../../support/lease/executors.mjs';
import { LeaseRig } from '../../support/lease/rig.js';

describe('the leases of a host', { timeout: 120_000 }, () => {
  let rig: LeaseRig;
  let environment: Disposable;
  beforeAll(() => {
    rig = new LeaseRig(2);
    environment = setEnvironment(rig.gpus.env);
  });
  afterAll(async () => {
    environment[Symbol.dispose]();
    await rig[Symbol.asyncDispose]();
  });

  contract(() => {
    const notes = join(rig.root, 'notes.jsonl');
    const engine = localEngine(rig.directory, [79, 79]);
    const run = (task: Task, signal: AbortSignal) => {
      const note = (what: string): void => {
        appendFileSync(notes, `${JSON.stringify({ what, key: task.key, at: Date.now() })}\n`);
      };
      const request = requestOf(task.key, {
        gpus: task.gpus,
        pool: rig.gpus.uuids,
        gpuLocks: rig.gpus.locks,
      });
      const here = {
        request,
        async run(lease: HeldLease, ending: AbortSignal): Promise<Said> {
          try {
            note('start');
            await sleep(task.sleepMs ?? 0, undefined, { signal: ending });
            note('end');
            return { ok: task.fails !== true, gpus: lease.record.gpus.length };
          } finally {
            await lease.release();
          }
        },
      };
      return runWork<Said, 'here'>(engine, { asked: request, here, log: () => undefined }, signal).catch(
        // As a cell makes a fault of what its own signal ended.
        () => ({ ok: false as const, error: { reason: 'cancelled' as const, message: '' } }),
      );
    };
    return { engine, run, notes };
  });
});
