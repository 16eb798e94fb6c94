// What a suite reads from the hub comes once, and its digest is in the fingerprint of every cell that reads it.
import { realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HUB_SUITE, Rig } from '../support/rig/workspace.js';

interface Receipt {
  reads: Record<string, string>;
  gpus: string[];
}

test(
  'the data of a suite are made once, read by all, and made again when they are gone',
  { timeout: 240_000 },
  async () => {
    await using rig = new Rig(HUB_SUITE);
    const made = await rig.nx(['g', './tools:suite', 'rig'], { HF_HUB_OFFLINE: '1' });
    expect(made.exitCode, made.output).toBe(0);
    const first = await rig.certify();
    expect(first.exitCode, first.output).toBe(0);
    const started = rig.takeStarted();
    expect(started).toHaveLength(16);
    expect(started.filter((cell) => cell === 'rig.data.hub:data')).toHaveLength(1);
    const receipt = (path: string): Receipt => JSON.parse(rig.read(path)) as Receipt;
    expect(receipt('output/rig/data/windows/wikitext2.receipt.json').gpus).toEqual([]);
    const evaluation = (): Record<string, string> =>
      receipt('output/rig/m/evals/baseline_results.receipt.json').reads;
    const read = evaluation();
    expect(Object.keys(read).sort()).toEqual(['data-arc_challenge', 'data-mmlu', 'subject']);
    for (const cell of ['certificates/calibration/run_1', 'certificates/quant_8bit_clean/run_1']) {
      expect(receipt(`output/rig/m/${cell}/receipt.json`).reads['data-wikitext2']).toMatch(/^[0-9a-f]{64}$/);
    }

    // Nothing changed, nothing runs; without Nx's cache the receipts say so.
    await rig.nx(['reset']);
    expect((await rig.certify()).exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual([]);

    // The entry went: whoever reads it next has it made again, and the same bytes keep every other result.
    rmSync(join(rig.root, 'output/rig/m/evals/baseline_results.receipt.json'));
    rmSync(realpathSync(join(rig.root, 'output/rig/data/benchmarks/mmlu')), { recursive: true });
    await rig.nx(['reset']);
    const again = await rig.nx(['run', 'rig.m.baseline:eval']);
    expect(again.exitCode, again.output).toBe(0);
    expect(rig.takeStarted()).toEqual(['rig.data.hub:data', 'rig.m.baseline:eval']);
    expect(evaluation()).toEqual(read);

    // Another commit of one data set: the evaluations that read it run once more, and nothing else.
    rig.edit('suites/rig/project.json', (text) =>
      text.replace(
        /"suiteDigest"/,
        `"commits": { "data/mmlu:cais/mmlu@main": "${'a'.repeat(40)}" },\n    "suiteDigest"`,
      ),
    );
    const synced = await rig.nx(['sync']);
    expect(synced.exitCode, synced.output).toBe(0);
    const last = await rig.certify();
    expect(last.exitCode, last.output).toBe(0);
    const ran = rig.takeRuns().filter(({ what }) => what === 'start');
    expect(ran.find(({ cell }) => cell === 'rig.data.hub:data')?.parts).toEqual(['benchmarks-mmlu']);
    const targets = new Set(ran.map(({ cell }) => cell.split(':')[1]));
    expect([...targets].sort()).toEqual(['data', 'eval', 'eval-mmlu']);
  },
);
