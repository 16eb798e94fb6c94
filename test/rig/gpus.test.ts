// Leases of GPUs, with a scripted nvidia-smi in front of real executors: none given twice, the worker sees its own only.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Receipt } from '../../tools/execution/records/receipt.js';
import { installNvidiaSmi } from '../support/rig/nvidia-smi.js';
import { until } from '../support/rig/warm-rig.js';
import { Rig, SMALL_SUITE, type Ran } from '../support/rig/workspace.js';

const UUIDS = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc', 'dddddddd'].map(
  (name) => `GPU-${name}-0000-0000-0000-000000000000`,
);
/** The environment leaves three of the four, the list takes them in its own order, and of those the first two count. */
const POOL = {
  CUDA_VISIBLE_DEVICES: '0,GPU-bbbbbbbb,3',
  GPU_ID_LIST: `3,${UUIDS[1] ?? ''},0`,
  NUM_GPUS: '2',
};
const CHOSEN = [UUIDS[3], UUIDS[1]];

test('two GPUs of a restricted pool, one cell each at a time', { timeout: 180_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  const environment = { PATH: installNvidiaSmi(rig, UUIDS), ...POOL };
  await rig.generate();
  rig.edit('workspace-config/site.yaml', (text) => text.replace('slots: auto', 'slots: 8'));
  rig.script(Object.fromEntries([1, 2].map((k) => [`rig.m.baseline:calibrate-${k}`, { sleepMs: 2_600 }])));
  const { exitCode, output } = await rig.nx(['run-many', '-t', 'certify'], environment);
  expect(output).toContain('all 15 cells finished');
  expect(exitCode).toBe(0);

  const runs = rig.takeRuns();
  const withGpu = runs.filter(({ cell }) => /:(calibrate|baseline|eval|edit|certify)/.test(cell));
  for (const { gpus } of withGpu) expect(CHOSEN).toContain(gpus);
  for (const { cell, gpus } of runs) if (/:(setup|preset|inject)$/.test(cell)) expect(gpus).toBe('');
  expect(new Set(withGpu.map(({ gpus }) => gpus)).size).toBe(2);
  const holders = new Map<string, string>();
  for (const { what, cell, gpus } of withGpu satisfies Ran[]) {
    if (what === 'start') expect(holders.get(gpus)).toBeUndefined();
    if (what === 'start') holders.set(gpus, cell);
    else holders.delete(gpus);
  }
  const receipt = JSON.parse(rig.read('output/rig/m/evals/baseline_results.receipt.json')) as Record<
    string,
    unknown
  >;
  expect(receipt).toMatchObject({
    ...{ deviceClass: 'cuda-sm90', peakGpuBytes: { torch: 2000 } },
    ...{ peakRssBytes: 1000, bytesWritten: 3000 },
  });
  const edit = JSON.parse(rig.read('output/rig/m/models/quant_8bit_clean.receipt.json')) as Receipt;
  expect(edit).toMatchObject({ deviceClass: 'cuda-sm90', peakGpuBytes: { torch: 2000 } });
  expect(edit.gpus).toHaveLength(1);
  expect(CHOSEN).toContain(edit.gpus[0]);
  const inject = JSON.parse(rig.read('output/rig/m/models/error_nan_injection.receipt.json')) as Receipt;
  expect(inject).toMatchObject({ deviceClass: 'cpu', gpus: [] });
  // What nvidia-smi counts as taken, sampled while the worker ran: 81559 − 81079 MiB.
  const long = JSON.parse(rig.read('output/rig/m/certificates/calibration/run_1/receipt.json')) as Receipt;
  expect(long.peakGpuBytes.nvidiaSmi).toBe(480 * 2 ** 20);
  expect(long.gpuHeldSeconds).toBeGreaterThan(2.5);
  // Another class of device is another fingerprint.
  rig.takeRuns();
  await rig.nx(['run', 'rig.m.baseline:eval']);
  expect(rig.takeStarted()).toEqual(['rig.m.baseline:eval']);
});

test(
  'a broken nvidia-smi is no host without GPUs: what needs a GPU waits for it and says so once, the rest goes on',
  { timeout: 180_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const PATH = installNvidiaSmi(rig, UUIDS);
    const good = rig.read('bin/nvidia-smi');
    const broken = '#!/bin/sh\necho "Failed to initialize NVML: Driver/library version mismatch"\nexit 18\n';
    writeFileSync(join(rig.root, 'bin/nvidia-smi'), broken);
    await rig.generate();
    const environment = { PATH, CUDA_VISIBLE_DEVICES: '0,1' };
    expect((await rig.nx(['run', 'rig.m.baseline:setup'], environment)).exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual(['rig.m.baseline:setup']);
    const run = rig.start(['run', 'rig.m.baseline:calibrate-1'], environment);
    let said = '';
    run.all.on('data', (text: Buffer) => (said += text.toString()));
    const told = 'waiting for nvidia-smi to answer: nvidia-smi failed: Failed to initialize NVML';
    await until(() => said.includes(told), 120_000);
    writeFileSync(join(rig.root, 'bin/nvidia-smi'), good);
    const { exitCode } = await run;
    expect(said).toContain('nvidia-smi answered after');
    expect(said.split(told)).toHaveLength(2);
    expect(exitCode).toBe(0);
    const [ran] = rig.takeRuns();
    expect(ran?.gpus).toBe(UUIDS[0]);
  },
);
