// A GPU that runs out of memory, with a scripted nvidia-smi and real executors: its memory is seen free before anybody
// takes it again; a calibration or certificate halves its batch, then gets one more GPU, then fails; the receipt tells.
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readFaultLog } from '../../tools/execution/records/fault-log.js';
import type { Receipt } from '../../tools/execution/records/receipt.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const UUIDS = ['aaaaaaaa', 'bbbbbbbb'].map((name) => `GPU-${name}-0000-0000-0000-000000000000`);
const CALIBRATE = 'rig.m.baseline:calibrate-1';
const OUT_OF_MEMORY = { fault: 'out_of_memory', message: 'CUDA out of memory', exit: 84 };

/** An nvidia-smi that tells the free memory of a GPU as `gpu-free/<uuid>` has it (MiB), else nearly all of it. */
function installNvidiaSmi(rig: Rig): Record<string, string> {
  const lines = UUIDS.map(
    (uuid, index) =>
      `echo "${index}, ${uuid}, 81559, $(cat '${rig.root}/gpu-free/${uuid}' 2>/dev/null || echo 81079), 9.0, [N/A]"`,
  );
  rig.write(
    'bin/nvidia-smi',
    `#!/bin/sh\ncase "$1" in *compute-apps*) exit 0 ;; esac\n${lines.join('\n')}\n`,
  );
  chmodSync(join(rig.root, 'bin/nvidia-smi'), 0o755);
  return { PATH: `${join(rig.root, 'bin')}:${process.env.PATH ?? ''}`, CUDA_VISIBLE_DEVICES: '0,1' };
}

const receiptOf = (rig: Rig, path: string): Receipt => JSON.parse(rig.read(path)) as Receipt;
const mainLog = (rig: Rig): string =>
  rig.exists('output/rig/logs/main.log') ? rig.read('output/rig/logs/main.log') : '';

test(
  'after an out of memory: memory free, half the batch, one more GPU, on record',
  { timeout: 180_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const environment = installNvidiaSmi(rig);
    await rig.generate();
    rig.script({ [CALIBRATE]: { ...OUT_OF_MEMORY, attempts: 2, gpuFreeMiB: 100 } });
    const run = rig.nx(['run', CALIBRATE, '--output-style=static'], environment);
    while (!mainLog(rig).includes(`${CALIBRATE}: attempt 1 ends: failed (out_of_memory)`)) await sleep(20);
    // The other GPU is free all the while: what is waited for is the memory of the one that was held.
    await sleep(3_000);
    expect(mainLog(rig)).not.toContain('attempt 2 begins');
    const [first = ''] = rig
      .takeRuns()
      .filter(({ cell }) => cell === CALIBRATE)
      .map(({ gpus }) => gpus);
    expect(rig.exists(`gpu-free/${first}`)).toBe(true);
    const freed = Date.now();
    rmSync(join(rig.root, 'gpu-free'), { recursive: true });
    // The second one fills both again; then they come free by themselves.
    while (!mainLog(rig).includes(`${CALIBRATE}: attempt 2 ends`)) await sleep(20);
    rmSync(join(rig.root, 'gpu-free'), { recursive: true });
    const { output, exitCode } = await run;
    expect(output).toMatch(
      /failed \(out_of_memory\): CUDA out of memory; tries again in .* s, batch \d+ → \d+/,
    );
    expect(output).toMatch(/tries again in .* s, 1 → 2 GPUs/);
    expect(exitCode).toBe(0);

    const receipt = receiptOf(rig, 'output/rig/m/certificates/calibration/run_1/receipt.json');
    const [planned, halved, wider] = receipt.attempts;
    expect(receipt.attempts).toHaveLength(3);
    expect(planned).toMatchObject({ number: 1, exitCode: 84, cause: 'out_of_memory', gpus: [first] });
    expect(planned?.changed).toBeUndefined();
    expect(halved).toMatchObject({ number: 2, cause: 'out_of_memory' });
    expect(Object.keys(halved?.changed ?? {})).toEqual(['batch_size']);
    expect(halved?.gpus).toHaveLength(1);
    expect(Date.parse(halved?.startedAt ?? '')).toBeGreaterThanOrEqual(freed);
    expect(wider).toMatchObject({ number: 3, exitCode: 0, changed: { ...halved?.changed, extra_gpus: 1 } });
    expect([...(wider?.gpus ?? [])].sort()).toEqual(UUIDS);
    // Windows and lengths are what they were: only the batch differs between the job files.
    const job = (number: number): { parts: { spec: { invarlock: Record<string, unknown> } }[] } =>
      JSON.parse(rig.read(`output/rig/logs/m/baseline/calibrate-1/attempt-${number}/job.json`)) as ReturnType<
        typeof job
      >;
    const settings = [1, 2, 3].map((number) => job(number).parts[0]?.spec.invarlock ?? {});
    expect(settings[1]).toEqual({ ...settings[0], batch_size: halved?.changed?.batch_size });
    expect(settings[2]).toEqual(settings[1]);
    expect(Number(settings[1]?.batch_size)).toBe(Math.floor(Number(settings[0]?.batch_size) / 2));
  },
);

test(
  'a certificate that runs out of memory on every GPU fails, and never with less of it',
  { timeout: 180_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const environment = installNvidiaSmi(rig);
    await rig.generate();
    expect((await rig.nx(['run', 'rig.m.baseline:preset'], environment)).exitCode).toBe(0);
    const certify = 'rig.m.quant_8bit_clean:certify-1';
    rig.script({ [certify]: OUT_OF_MEMORY });
    const { output, exitCode } = await rig.nx(['run', certify, '--output-style=static'], environment);
    expect(exitCode).not.toBe(0);
    expect(output).toContain(`${certify} failed (out_of_memory): CUDA out of memory`);
    expect(output).toMatch(/GPU: 0, 1|GPU: 1, 0/);
    expect(
      readFaultLog(rig.root, 'rig').faults.map(({ attempt, again, gpus }) => [attempt, again, gpus.length]),
    ).toEqual([
      [1, true, 1],
      [2, true, 1],
      [3, false, 2],
    ]);
    expect(rig.exists('output/rig/m/certificates/quant_8bit_clean/run_1/receipt.json')).toBe(false);
  },
);

test(
  'an edit that runs out of memory is tried again as it was, on one GPU',
  { timeout: 180_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const environment = installNvidiaSmi(rig);
    await rig.generate();
    rig.script({ 'rig.m.edits:edit': { ...OUT_OF_MEMORY, attempts: 1 } });
    const run = await rig.nx(['run', 'rig.m.edits:edit', '--output-style=static'], environment);
    expect(run.output).toMatch(
      /failed \(out_of_memory\): CUDA out of memory; tries again in .* s, as before/,
    );
    expect(run.exitCode).toBe(0);
    const receipt = receiptOf(rig, 'output/rig/m/models/svd_rank8_stress.receipt.json');
    expect(receipt.attempts).toMatchObject([
      { number: 1, exitCode: 84, cause: 'out_of_memory' },
      { number: 2, exitCode: 0 },
    ]);
    expect(receipt.attempts[1]?.changed).toBeUndefined();
    expect(receipt.gpus).toHaveLength(1);
    const job = JSON.parse(rig.read('output/rig/logs/m/edits/edit/attempt-2/job.json')) as {
      device: unknown;
    };
    expect(job.device).toEqual({ type: 'cuda', class: 'cuda-sm90', gpus: 1, threads: 1 });
  },
);
