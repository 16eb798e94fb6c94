// Targets that only look, or only tidy: doctor and clean.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const entries = (rig: Rig): number =>
  readdirSync(join(rig.root, '.weights')).filter((name) => /^[0-9a-f]{64}$/.test(name)).length;

test(
  'clean says what can go, removes it when told, and what went comes back',
  { timeout: 120_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    expect((await rig.nx(['run-many', '-t', 'edit,inject'])).exitCode).toBe(0);
    expect(entries(rig)).toBe(4);
    const dry = await rig.nx(['run', 'rig:clean', '--dry-run']);
    expect(dry.output).toContain('m quant_8bit_clean');
    expect(dry.output).toContain('3 weights, which are made again when a cell needs them; baselines stay');
    expect(dry.exitCode).toBe(0);
    const asked = await rig.nx(['run', 'rig:clean']);
    expect(asked.output).toContain('To free it: npx nx run rig:clean --yes');
    expect(asked.exitCode).not.toBe(0);
    expect(entries(rig)).toBe(4);
    expect((await rig.nx(['run', 'rig:clean', '--yes'])).exitCode).toBe(0);
    expect(entries(rig)).toBe(1);
    rig.takeRuns();
    expect((await rig.nx(['run', 'rig.m.quant_8bit_clean:eval-arc'])).exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual(['rig.m.edits:edit', 'rig.m.quant_8bit_clean:eval-arc']);
  },
);

test(
  'doctor looks at everything, names each fix, and fails before hours are spent',
  { timeout: 120_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    // The scripted Python answers no questions: that is an error of its own, and the others stand.
    const first = await rig.nx(['run', 'rig:doctor'], { HF_TOKEN: 'a-token-nobody-may-read' });
    expect(first.output).toMatch(/^ok {7}lock directory: /m);
    expect(first.output).toMatch(/^ok {7}disk: .* free$/m);
    expect(first.output).toMatch(/^warning {2}GPUs: none is seen.*\n {9}fix: /m);
    expect(first.output).toMatch(/^error {4}Python: its checks ended badly/m);
    expect(first.output).toContain('rig would fail here:');
    expect(first.exitCode).not.toBe(0);

    rig.edit('suites/rig/suite.yaml', (text) => text.replace('bits', 'bits').replace('runs:', 'rans:'));
    rig.edit('.venv/validation-lock', () => 'another');
    const broken = await rig.nx(['run', 'rig:doctor', '--excludeTaskDependencies'], {
      MIN_FREE_DISK_GB: '9999999',
    });
    expect(broken.output).toMatch(/^error {4}suite\.yaml: suites\/rig\/suite\.yaml:\d+:\d+: /m);
    expect(broken.output).toMatch(/^error {4}packages: \.venv is not as/m);
    expect(broken.output).toMatch(/^error {4}disk: .*\n {9}fix: /m);
    expect(broken.output).not.toContain('    at ');
  },
);
