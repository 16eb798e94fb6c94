// `nx status`, `nx leases` and progress.json while real executors hold and wait for the GPUs of a scripted nvidia-smi.
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { identityOf } from '../../tools/host/process-identity.js';
import { breakByHand } from '../../tools/monitoring/status/break-by-hand.js';
import { readLeaseList } from '../../tools/monitoring/status/leases.js';
import { progressFileSchema, type ProgressFile } from '../../tools/execution/progress/progress.js';
import { readStatus } from '../../tools/monitoring/status/read-status.js';
import type { Status } from '../../tools/monitoring/status/status.js';
import { Rig, SMALL_SUITE, type Ran } from '../support/rig/workspace.js';

const UUIDS = ['GPU-aaaaaaaa-0000-0000-0000-000000000000', 'GPU-bbbbbbbb-0000-0000-0000-000000000000'];
const [FIRST, SECOND, THIRD] = [1, 2, 3].map((k) => `rig.m.baseline:calibrate-${k}`) as [
  string,
  string,
  string,
];

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Two GPUs of 80 GiB, of which the second has 20 GiB in use. */
function installNvidiaSmi(rig: Rig): Record<string, string> {
  const bin = join(rig.root, 'bin');
  mkdirSync(bin);
  const gpus = UUIDS.map(
    (uuid, index) => `${index}, ${uuid}, 81920, ${81920 - index * 20480}, 9.0, [N/A]`,
  ).join('\\n');
  writeFileSync(
    join(bin, 'nvidia-smi'),
    `#!/bin/sh\ncase "$1" in *compute-apps*) ;; *) printf '${gpus}\\n' ;; esac\n`,
  );
  chmodSync(join(bin, 'nvidia-smi'), 0o755);
  return { PATH: `${bin}:${process.env.PATH ?? ''}`, CUDA_VISIBLE_DEVICES: '0,1' };
}

function started(rig: Rig): Ran[] {
  if (!rig.exists('ran.jsonl')) return [];
  const lines = rig.read('ran.jsonl').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Ran).filter(({ what }) => what === 'start');
}

const workerOf = (rig: Rig, cell: string): number => started(rig).find((one) => one.cell === cell)?.pid ?? 0;

function progressOf(rig: Rig): ProgressFile {
  return progressFileSchema.parse(JSON.parse(rig.read('output/rig/state/progress.json')));
}

function jsonOf(output: string): unknown {
  return JSON.parse(output.split('\n').find((line) => line.startsWith('{')) ?? '');
}

/** Whatever happened: nx and its workers are gone before their workspace is. */
async function stop(run: ReturnType<Rig['start']>): Promise<void> {
  run.kill('SIGINT');
  await run;
}

const slow = { timeout: 60_000, interval: 100 };

test('lanes, reasons and counts while cells run; a lease ended by hand', { timeout: 240_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE.replace('calibration: 2', 'calibration: 3'));
  const environment = installNvidiaSmi(rig);
  for (const [name, value] of Object.entries({ ...environment, VALIDATION_LOCK_DIR: rig.lockDirectory })) {
    vi.stubEnv(name, value);
  }
  rig.edit('workspace-config/site.yaml', (text) => text.replace('slots: auto', 'slots: 8'));
  await rig.generate();

  // Nothing has run: the status says so, from nothing but the plan.
  const idle = (await readStatus(rig.root, 'rig')).status;
  const { total } = idle.cells;
  expect(idle).toMatchObject({ cells: { not_started: total }, waiting: [], cpu: { free: 8 } });
  expect(idle.gpus.map(({ name, usedGiB, holders }) => [name, usedGiB, holders])).toEqual([
    ['GPU 0', 0, []],
    ['GPU 1', 20, []],
  ]);

  rig.script(Object.fromEntries([FIRST, SECOND, THIRD].map((cell) => [cell, { sleepMs: 120_000 }])));
  const run = rig.start(
    ['run-many', '-t', 'calibrate-1,calibrate-2,calibrate-3', '-p', 'rig.m.baseline'],
    environment,
  );
  try {
    await vi.waitFor(() => {
      expect(started(rig)).toHaveLength(3);
      expect(readdirSync(join(rig.lockDirectory, 'tickets'))).toHaveLength(1);
      expect(progressOf(rig).cells).toMatchObject({ running: 2, waiting: 1 });
    }, slow);

    const { output } = await rig.nx(['status', 'rig', '--json'], environment);
    const seen = jsonOf(output) as Status;
    expect(seen.cells).toMatchObject({ total, done: 1, cached: 0, running: 2, waiting: 1, failed: 0 });
    expect(seen.gpus.map(({ holders }) => holders.length)).toEqual([1, 1]);
    const holders = seen.gpus.flatMap((lane) => lane.holders);
    for (const { cell, workerPid, attempt, workspace, reservedGiB } of holders) {
      expect({ workerPid, attempt, workspace }).toEqual({
        workerPid: workerOf(rig, cell),
        attempt: 1,
        workspace: rig.root,
      });
      expect(reservedGiB).toBeGreaterThan(0);
    }
    const [waiting] = seen.waiting;
    expect(waiting?.reason).toMatch(/^needs 1 GPU of \d+ GiB, 0 free$/);
    expect([...holders.map(({ cell }) => cell), waiting?.cell].sort()).toEqual([FIRST, SECOND, THIRD]);

    const progress = progressOf(rig);
    expect(progress.running.map(({ cell }) => cell)).toEqual(holders.map(({ cell }) => cell).sort());
    expect(progress.waiting).toEqual([waiting?.cell]);
    expect(progress.cells).toEqual({
      total,
      done: 1,
      running: 2,
      waiting: 1,
      failed: 0,
      not_started: total - 4,
    });

    const victim = readLeaseList(rig.root).leases.find(({ gpus }) => gpus.includes(0));
    const worker = workerOf(rig, victim?.cell ?? '');
    process.kill(victim?.executorPid ?? 0, 'SIGSTOP');
    const stopped = (await readStatus(rig.root, 'rig')).status.gpus[0]?.holders[0]?.concerns;
    process.kill(victim?.executorPid ?? 0, 'SIGCONT');
    expect(stopped?.join()).toContain(`executor ${victim?.executorPid ?? 0} is stopped`);

    // Without --yes: nothing but words.
    const said: string[] = [];
    await breakByHand(rig.root, victim?.id ?? '', false, (line) => said.push(line));
    expect(said[0]).toContain(`would end lease ${victim?.id ?? ''}: ${victim?.cell ?? ''}`);
    expect(identityOf(worker)).toBeDefined();

    const broken = await rig.nx(['leases', '--break', String(victim?.executorPid), '--yes'], environment);
    expect(broken.output).toContain('is ended (given back by its executor)');
    expect(broken.output).toContain(`${victim?.cell ?? ''} (attempt 1) of ${rig.root}`);
    expect(broken.exitCode).toBe(0);
    expect(identityOf(worker)).toBeUndefined();
    // The GPU goes to the cell that waited.
    await vi.waitFor(() => {
      const now = readLeaseList(rig.root).leases;
      expect(now.find(({ gpus }) => gpus.includes(0))?.cell).toBe(waiting?.cell);
      expect(progressOf(rig).failed).toEqual([
        { cell: victim?.cell, why: expect.stringMatching(/^broken: its lease was broken by /) as string },
      ]);
    }, slow);
  } finally {
    await stop(run);
  }
  const { all } = await run;
  expect(all).toContain('failed (broken)');
  await vi.waitFor(() => {
    expect(progressOf(rig).cells).toMatchObject({ running: 0, waiting: 0, failed: 1 });
  }, slow);
});

test('--watch shows frame after frame until Ctrl-C', { timeout: 120_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();
  const run = rig.start(['status', 'rig', '--watch']);
  let shown = '';
  run.all.on('data', (data) => {
    shown += String(data);
  });
  try {
    await vi.waitFor(() => {
      expect(shown.match(/^rig at .*: 0 of \d+ cells finished/gm)?.length).toBeGreaterThan(1);
    }, slow);
  } finally {
    await stop(run);
  }
  expect(shown).not.toContain('status of rig failed');
});

test('a result that was altered is finished nowhere', { timeout: 120_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();
  expect((await rig.certify()).output).toContain('all 15 cells finished');
  expect(progressOf(rig).cells).toMatchObject({ total: 15, done: 15 });
  // Of the error's certificate, which nothing reads.
  rig.write('output/rig/m/certificates/errors/nan_injection/evaluation.cert.json', '{}');
  const report = await rig.nx(['run', 'rig:report']);
  expect(report.output).toContain('14 of 15 cells finished');
  expect(progressOf(rig).cells).toMatchObject({ total: 15, done: 14, not_started: 1 });
  expect((await rig.nx(['status', 'rig'])).output).toContain('14 of 15 cells finished; 1 outdated');
});
