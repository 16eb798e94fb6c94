// Flash attention through real nx: installed before the first cell of a GPU host, in the fingerprints of what attends.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readReceipt } from '../../tools/execution/records/receipt.js';
import { FlashWorkspace, PINNED } from '../python-env/flash-workspace.js';
import { SUPPORT } from '../support/repository.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const CALIBRATE = 'rig.m.baseline:calibrate-1';

test('flash attention comes with the environment, and cells know of it', { timeout: 180_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE.replace('size_class: tiny', 'size_class: 7b'));
  await rig.generate();
  const host = new FlashWorkspace(rig.root);
  const scripted = join(SUPPORT, 'rig/scripted-python.mjs');
  host.installPython('.venv/bin/python', `exec "${process.execPath}" "${scripted}" "$@"`);
  const run = async () =>
    rig.nx(['run', CALIBRATE], {
      PATH: `${host.bin}:${process.env.PATH ?? ''}`,
      CUDA_HOME: join(rig.root, 'cuda'),
      CUDA_VISIBLE_DEVICES: '0',
      MIN_FREE_DISK_GB: '1',
    });
  const versions = (receipt: string) => readReceipt(join(rig.root, 'output/rig', receipt))?.versions;
  const CALIBRATION = 'm/certificates/calibration/run_1/receipt.json';

  host.fate({ wheel: true, works: true });
  const first = await run();
  expect(first.output).toContain('Successfully ran target');
  expect(rig.takeStarted()).toEqual([CALIBRATE, 'rig.m.baseline:setup']);
  expect(versions(CALIBRATION)).toMatchObject({ 'flash-attn': PINNED });
  expect(versions('models/m/baseline.receipt.json')).not.toHaveProperty('flash-attn');

  // Nx hashed before it was there, and asks again; the receipt stands.
  host.takeCommands();
  expect((await run()).exitCode).toBe(0);
  expect(rig.takeStarted()).toEqual([]);
  expect(host.takeCommands()).toEqual([]);

  // It is gone and does not come again: an environment all the same, another result.
  rmSync(host.distribution, { recursive: true });
  host.fate({});
  const without = await run();
  expect(without.exitCode).toBe(0);
  expect(rig.takeStarted()).toEqual([CALIBRATE]);
  expect(versions(CALIBRATION)).toMatchObject({ 'flash-attn': 'none' });
  expect(rig.read('.venv/flash-attn.json')).toContain('there is no nvcc to compile one');
});
