// The life of weights with real nx and executors: made again when missing or altered, let go when nothing waits.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

function recipeOf(rig: Rig, manifest: string): string {
  return (JSON.parse(rig.read(`output/rig/${manifest}.manifest.json`)) as { recipe: string }).recipe;
}
const entries = (rig: Rig): string[] =>
  readdirSync(join(rig.root, '.weights')).filter((name) => /^[0-9a-f]{64}$/.test(name));

test(
  'weights that are gone or altered are made again, once for all who wait, also those they are made of',
  { timeout: 600_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    expect((await rig.nx(['run-many', '-t', 'edit,baseline-1'])).exitCode).toBe(0);
    rig.takeRuns();
    const edited = recipeOf(rig, 'm/models/quant_8bit_clean');
    const baseline = recipeOf(rig, 'models/m/baseline');
    rmSync(join(rig.root, '.weights', edited), { recursive: true });
    rmSync(join(rig.root, '.weights', baseline), { recursive: true });
    rig.script({ 'rig.m.baseline:setup': { sleepMs: 500 }, 'rig.m.edits:edit': { sleepMs: 500 } });
    const variant = ['eval-arc', 'eval-mmlu', 'certify-1'];
    const gone = await rig.nx([
      'run-many',
      '-t',
      ...variant,
      '-p',
      'rig.m.quant_8bit_clean',
      '--output-style=static',
    ]);
    expect(gone.output).toContain('are missing');
    expect(gone.exitCode).toBe(0);
    const runs = rig.takeRuns().filter(({ what }) => what === 'start');
    expect(runs.map(({ cell }) => cell).sort()).toEqual([
      'rig.m.baseline:setup',
      'rig.m.edits:edit',
      ...variant.map((target) => `rig.m.quant_8bit_clean:${target}`).sort(),
    ]);
    expect(runs.find(({ cell }) => cell === 'rig.m.edits:edit')?.parts).toEqual(['quant_8bit_clean']);

    // Other bytes of the same length.
    const file = join(rig.root, '.weights', edited, 'model.safetensors');
    const whole = rig.read(`.weights/${edited}/model.safetensors`);
    writeFileSync(file, whole.replace('weights', 'WEIGHTS'));
    const force = ['--skip-nx-cache', '--excludeTaskDependencies'];
    const altered = await rig.nx(['run', 'rig.m.quant_8bit_clean:eval-arc', ...force]);
    expect(altered.output).toContain('are altered');
    expect(altered.exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual(['rig.m.edits:edit', 'rig.m.quant_8bit_clean:eval-arc']);
    expect(rig.read(`.weights/${edited}/model.safetensors`)).toBe(whole);
  },
);

test(
  'with keep: baselines edits go with their last receipt, and come back when they are needed',
  { timeout: 600_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    rig.edit('workspace-config/site.yaml', (text) => text.replace('keep: all', 'keep: baselines'));
    await rig.generate();
    const first = await rig.certify();
    expect(first.output).toContain('all 15 cells finished');
    expect(first.exitCode).toBe(0);
    expect(entries(rig)).toEqual([recipeOf(rig, 'models/m/baseline')]);
    expect(rig.exists('output/rig/m/models/quant_8bit_clean')).toBe(false);
    rig.takeRuns();

    // Their receipts stand without them.
    await rig.nx(['reset']);
    expect((await rig.certify()).output).toContain('all 15 cells finished');
    expect(rig.takeStarted()).toEqual([]);

    const force = ['--skip-nx-cache', '--excludeTaskDependencies'];
    expect((await rig.nx(['run', 'rig.m.quant_8bit_clean:certify-1', ...force])).exitCode).toBe(0);
    const started = rig.takeStarted();
    expect(started).toContain('rig.m.edits:edit');
    expect(started).toContain('rig.m.quant_8bit_clean:certify-1');
    expect(entries(rig)).toEqual([recipeOf(rig, 'models/m/baseline')]);
  },
);
