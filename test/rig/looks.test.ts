// Targets that only look, or only tidy: doctor and clean.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

let rig: Rig;
const begin = async (): Promise<void> => {
  rig = new Rig(SMALL_SUITE);
  await rig.generate();
};
const end = async (): Promise<void> => rig[Symbol.asyncDispose]();

describe('clean', { timeout: 120_000 }, () => {
  const entries = (): number =>
    readdirSync(join(rig.root, '.weights')).filter((name) => /^[0-9a-f]{64}$/.test(name)).length;
  beforeAll(async () => {
    await begin();
    expect((await rig.nx(['run-many', '-t', 'edit,inject'])).exitCode).toBe(0);
    expect(entries()).toBe(4);
  }, 120_000);
  afterAll(end);

  test('says what can go with --dry-run, and removes nothing', async () => {
    const dry = await rig.nx(['run', 'rig:clean', '--dry-run']);
    expect(dry.output).toContain('m quant_8bit_clean');
    expect(dry.output).toContain('3 weights, which are made again when a cell needs them; baselines stay');
    expect(dry.exitCode).toBe(0);
    expect(entries()).toBe(4);
  });

  test('asks for --yes, and fails until it is given', async () => {
    const asked = await rig.nx(['run', 'rig:clean']);
    expect(asked.output).toContain('To free it: npx nx run rig:clean --yes');
    expect(asked.exitCode).not.toBe(0);
    expect(entries()).toBe(4);
  });

  test('removes with --yes all but the baseline, and what went comes back when a cell needs it', async () => {
    expect((await rig.nx(['run', 'rig:clean', '--yes'])).exitCode).toBe(0);
    expect(entries()).toBe(1);
    rig.takeRuns();
    expect((await rig.nx(['run', 'rig.m.quant_8bit_clean:eval-arc'])).exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual(['rig.m.edits:edit', 'rig.m.quant_8bit_clean:eval-arc']);
  });
});

describe('doctor', { timeout: 120_000 }, () => {
  beforeAll(begin, 120_000);
  afterAll(end);

  test('looks at everything, and one question without an answer hides no other', async () => {
    // The scripted Python answers no questions: that is an error of its own, and the others stand.
    const first = await rig.nx(['run', 'rig:doctor'], { HF_TOKEN: 'a-token-nobody-may-read' });
    expect(first.output).toMatch(/^ok {7}lock directory: /m);
    expect(first.output).toMatch(/^ok {7}disk: .* GiB free; estimated by size class/m);
    expect(first.output).toMatch(/^warning {2}GPUs: none is seen.*\n {9}fix: /m);
    expect(first.output).toMatch(/^error {4}Python: its checks ended badly/m);
    expect(first.output).toContain('rig would fail here:');
    expect(first.exitCode).not.toBe(0);
  });

  test('a host with an AMD GPU, as its kernel shows it, is told why cells run on the CPU', async ({
    skip,
  }) => {
    // A mount namespace of its own, where the list of PCI devices is another.
    const shows = 'mount --bind "$0" /sys/bus/pci/devices && exec "$@"';
    const unshare = [process.getuid?.() === 0 ? '-m' : '-rm', 'sh', '-c', shows];
    rig.write('pci/0000:83:00.0/vendor', '0x1002\n');
    rig.write('pci/0000:83:00.0/class', '0x038000\n');
    const pci = join(rig.root, 'pci');
    const tried = execaSync('unshare', [...unshare, pci, 'true'], { reject: false });
    if (tried.exitCode !== 0) return skip('needs a mount namespace');
    const { file, args, options } = rig.command(['run', 'rig:doctor']);
    const told = await execa('unshare', [...unshare, pci, file, ...args], options);
    expect(told.all).toMatch(
      /^warning {2}GPUs: none is seen: cells run on the CPU; this host's AMD GPU is not used, as cells need CUDA \(an NVIDIA GPU\)$/m,
    );
    expect((await rig.nx(['run', 'rig:doctor'])).output).not.toContain('AMD');
  });

  test('names each fix of a broken suite, environment and disk, without a stack trace', async () => {
    rig.edit('suites/rig/suite.yaml', (text) => text.replace('runs:', 'rans:'));
    rig.edit('.venv/validation-lock', () => 'another');
    const broken = await rig.nx(['run', 'rig:doctor', '--excludeTaskDependencies'], {
      MIN_FREE_DISK_GB: '9999999',
    });
    expect(broken.output).toMatch(/^error {4}suite\.yaml: suites\/rig\/suite\.yaml:\d+:\d+: /m);
    expect(broken.output).toMatch(/^error {4}packages: \.venv is not as/m);
    expect(broken.output).toMatch(/^error {4}disk: .*\n {9}fix: /m);
    expect(broken.output).not.toContain('    at ');
  });
});
