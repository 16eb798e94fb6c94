// Cells that fail: what is said, what goes on, what the verdict makes of it.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

test(
  'a failed cell is named with its cause, the rest goes on, and the next run does only what is left',
  { timeout: 180_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    rig.script({
      'rig.m.quant_8bit_clean:eval-arc': {
        fault: 'unavailable',
        message: 'the hub did not answer',
        exit: 86,
      },
      'rig.m.error_nan_injection:inject': { signal: 'SIGKILL' },
      'rig.m.svd_rank8_stress:certify-1': { omit: ['outcome.json'] },
    });

    const failed = await rig.certify();
    expect(failed.exitCode).not.toBe(0);
    expect(failed.output).toContain(
      'rig.m.quant_8bit_clean:eval-arc failed (unavailable): the hub did not answer',
    );
    expect(failed.output).toContain('| scripted rig.m.quant_8bit_clean:eval-arc');
    expect(failed.output).toContain('Log: output/rig/logs/m/quant_8bit_clean/eval-arc/attempt-4/log.txt');
    expect(failed.output).toContain('Run it again alone: npx nx run rig.m.quant_8bit_clean:eval-arc');
    expect(failed.output).toContain(
      'rig.m.error_nan_injection:inject failed (killed): Python was ended by SIGKILL',
    );
    expect(failed.output).toContain(
      'rig.m.svd_rank8_stress:certify-1 failed (missing_result): certify-1: Python ended well but left no outcome.json',
    );
    // The verdict is written all the same, and cannot be mistaken for a pass.
    expect(failed.output).toContain('rig: INCOMPLETE: 11 of 15 cells finished');
    const verdict = rig.read('output/rig/reports/final_verdict.txt');
    expect(verdict).toContain('unavailable: the hub did not answer');
    expect(verdict).not.toContain('PHASE0_VALIDATED');
    expect(rig.exists('output/rig/m/certificates/svd_rank8_stress/run_1/receipt.json')).toBe(false);

    rig.takeRuns();
    rig.script({});
    const second = await rig.certify();
    expect(second.output).toContain('all 15 cells finished');
    expect(rig.takeStarted()).toEqual([
      'rig.m.error_nan_injection:certify-1',
      'rig.m.error_nan_injection:inject',
      'rig.m.quant_8bit_clean:eval-arc',
      'rig.m.svd_rank8_stress:certify-1',
    ]);

    // An edit whose parameters changed and that now fails is not judged by its old results.
    rig.edit('suites/rig/suite.yaml', (text) =>
      text.replace(
        "'quant_rtn:8:128:ffn'",
        '{ type: quant_rtn, bits: 8, group_size: 64, scope: ffn, name: quant_8bit_clean }',
      ),
    );
    await rig.generate();
    rig.script({ 'rig.m.edits:edit': { fault: 'bad_edit', message: 'no tensor matches', exit: 81 } });
    const third = await rig.certify();
    expect(third.output).toContain('rig.m.edits:edit failed (bad_edit): no tensor matches');
    expect(third.output).toContain('rig: INCOMPLETE: 11 of 15 cells finished');
  },
);

test('results made from inputs that changed meanwhile are not kept', { timeout: 120_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();
  expect((await rig.nx(['run', 'rig.m.baseline:preset'])).exitCode).toBe(0);
  rig.script({ 'rig.m.quant_8bit_clean:certify-1': { sleepMs: 4_000 } });
  rig.takeRuns();
  const run = rig.nx(['run', 'rig.m.quant_8bit_clean:certify-1']);
  while (!rig.exists('ran.jsonl') || !rig.read('ran.jsonl').includes('certify-1')) await sleep(50);
  rig.edit('output/rig/presets/calibrated_preset_m.yaml', (text) => `${text}# by hand\n`);
  const { exitCode, output } = await run;
  expect(exitCode).not.toBe(0);
  expect(output).toContain('output/rig/presets/calibrated_preset_m.yaml changed while the cell ran');
  expect(rig.exists('output/rig/m/certificates/quant_8bit_clean/run_1/receipt.json')).toBe(false);
});

test('links into the store come back with a cached run', { timeout: 120_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();
  await rig.nx(['run', 'rig.m.edits:edit']);
  rmSync(join(rig.root, 'output'), { recursive: true });
  rig.takeRuns();
  expect((await rig.nx(['run', 'rig.m.edits:edit'])).exitCode).toBe(0);
  expect(rig.takeStarted()).toEqual([]);
  expect(rig.read('output/rig/m/models/quant_8bit_clean/model.safetensors')).toContain('weights of');
  expect(rig.read('output/rig/models/m/baseline/model.safetensors')).toContain('weights of');
});
