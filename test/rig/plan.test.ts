// What `plan` says of each cell against what the next run does: cached, to run, blocked, with the reasons.
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cellProspects, type CellProspect } from '../../tools/monitoring/forecast/prospects.js';
import type { PlanReport } from '../../tools/monitoring/forecast/report.js';
import { readVersions } from '../../tools/execution/records/identity.js';
import { requireGeneratedSuite } from '../../tools/suite/nx/generated.js';
import { loadSiteSettings } from '../../tools/suite/settings/settings.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

async function statesOf(rig: Rig, unfit = new Map<string, string>(), environment: NodeJS.ProcessEnv = {}) {
  const { cells } = requireGeneratedSuite(rig.root, 'rig');
  const settings = loadSiteSettings(rig.root, environment);
  const machine = { versions: readVersions(rig.root), deviceClass: 'cpu' };
  const states = await cellProspects(rig.root, cells, settings, machine, unfit);
  expect(states.map(({ id }) => id)).toEqual(cells.map(({ id }) => id));
  return states;
}

const inState = (states: readonly CellProspect[], state: CellProspect['state']): string[] =>
  states.flatMap((one) => (one.state === state ? [one.id] : [])).sort();

function one(states: readonly CellProspect[], id: string): CellProspect {
  const found = states.find((state) => state.id === id);
  if (found === undefined) throw new Error(id);
  return found;
}

async function planned(rig: Rig, environment: Record<string, string> = {}): Promise<PlanReport> {
  const { exitCode, output } = await rig.nx(['run', 'rig:plan', '--json'], environment);
  expect(exitCode, output).toBe(0);
  return JSON.parse(output.split('\n').find((line) => line.startsWith('{"suite"')) ?? '') as PlanReport;
}

test('the plan before, amid and after a run', { timeout: 300_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();

  // From nothing: what others make is no lack.
  const before = await planned(rig);
  expect(before.cells).toHaveLength(15);
  expect(inState(before.cells, 'to run')).toHaveLength(15);
  expect(new Set(before.cells.map(({ reason }) => reason))).toEqual(new Set(['no receipt']));
  expect(before.byKind.certify).toEqual({ cached: 0, 'to run': 3, blocked: 0 });
  expect(before.time).toMatchObject({ cells: 15, measuredCells: 0, gpuHours: 0 });
  expect(before.time.hours).toBeGreaterThanOrEqual(before.time.atLeastHours);
  expect(rig.takeStarted()).toEqual([]);

  expect((await rig.certify()).exitCode).toBe(0);
  rig.takeStarted();
  const after = await planned(rig);
  expect(inState(after.cells, 'cached')).toHaveLength(15);
  expect(after.cells.every(({ parts, reason }) => parts.length === 0 && reason === '')).toBe(true);
  expect(after.time).toMatchObject({ cells: 0, hours: 0 });

  // A certificate was altered, an evaluation's receipt is gone: they run, and nothing else.
  const certificate = 'rig.m.quant_8bit_clean:certify-1';
  const path = 'output/rig/m/certificates/quant_8bit_clean/run_1/evaluation.cert.json';
  rig.edit(path, (text) => `${text} `);
  rmSync(join(rig.root, 'output/rig/m/evals/quant_8bit_clean_mmlu_results.receipt.json'));
  const altered = await statesOf(rig);
  expect(inState(altered, 'to run')).toEqual([certificate, 'rig.m.quant_8bit_clean:eval-mmlu']);
  expect(one(altered, certificate).reason).toBe(`${path} was altered`);
  expect(one(altered, 'rig.m.quant_8bit_clean:eval-mmlu').reason).toBe('no receipt');

  // One edit of the batch: its part, and what reads its weights, for they may come out otherwise.
  const manifest = 'output/rig/m/models/svd_rank8_stress.manifest.json';
  const text = rig.read(manifest);
  rmSync(join(rig.root, manifest));
  const remade = await statesOf(rig);
  expect(one(remade, 'rig.m.edits:edit')).toMatchObject({
    state: 'to run',
    reason: `${manifest} is gone`,
    parts: ['svd_rank8_stress'],
  });
  expect(inState(remade, 'to run')).toEqual([
    'rig.m.edits:edit',
    'rig.m.quant_8bit_clean:certify-1',
    'rig.m.quant_8bit_clean:eval-mmlu',
    'rig.m.svd_rank8_stress:certify-1',
    'rig.m.svd_rank8_stress:eval-arc',
    'rig.m.svd_rank8_stress:eval-mmlu',
  ]);
  expect(one(remade, 'rig.m.error_nan_injection:certify-1').state).toBe('cached');
  rig.write(manifest, text);

  // A host too small for one cell: it is blocked, and all behind it that would run.
  const unfit = new Map([
    ['rig.m.quant_8bit_clean:eval-mmlu', 'needs 2 GPUs'],
    ['rig.m.baseline:preset', 'never'],
  ]);
  const blocked = await statesOf(rig, unfit);
  expect(inState(blocked, 'blocked')).toEqual(['rig.m.quant_8bit_clean:eval-mmlu']);
  // What is finished needs no host.
  expect(one(blocked, 'rig.m.baseline:preset').state).toBe('cached');
  expect(one(blocked, 'rig.m.quant_8bit_clean:eval-mmlu').reason).toBe('needs 2 GPUs');

  // The weights of an edit went. Where they are to stay they are made again; where they may go, nobody misses them.
  const { recipe } = JSON.parse(text) as { recipe: string };
  const entry = join(rig.root, '.weights', recipe);
  chmodSync(entry, 0o755);
  rmSync(entry, { recursive: true });
  expect(one(await statesOf(rig), 'rig.m.edits:edit')).toMatchObject({
    state: 'to run',
    parts: ['svd_rank8_stress'],
    reason: expect.stringContaining('weights are missing') as string,
  });
  const keep = { VALIDATION_STORAGE_KEEP: 'baselines' };
  expect(one(await statesOf(rig, undefined, keep), 'rig.m.edits:edit').state).toBe('cached');

  // The next run does what the plan says once Nx has nothing to answer from; what only may run came out the same.
  const plan = await planned(rig);
  const running = plan.cells.filter(({ state }) => state === 'to run');
  const certain = running.filter(({ reason }) => !reason.includes('may come out otherwise'));
  expect(plan.time).toMatchObject({ cells: 6, measuredCells: 6 });
  await rig.nx(['reset']);
  const run = await rig.certify();
  expect(run.exitCode, run.output).toBe(0);
  expect(rig.takeStarted()).toEqual(certain.map(({ id }) => id).sort());
});

test('what nobody makes blocks, and what waits for it is behind it', { timeout: 120_000 }, async () => {
  const suite = SMALL_SUITE.replace('file: corpus.jsonl', 'file: own.jsonl');
  await using rig = new Rig(suite);
  const lines = Array.from({ length: 4_000 }, (_, index) => JSON.stringify({ text: `line ${index}` }));
  rig.write('suites/rig/own.jsonl', lines.join('\n'));
  await rig.generate();
  rmSync(join(rig.root, 'suites/rig/own.jsonl'));
  const states = await statesOf(rig);
  const calibration = one(states, 'rig.m.baseline:calibrate-1');
  expect(calibration).toMatchObject({ state: 'blocked', parts: ['calibrate-1'] });
  expect(calibration.reason).toContain('own.jsonl');
  expect(one(states, 'rig.m.baseline:preset').reason).toBe('rig.m.baseline:calibrate-1 is blocked');
  expect(one(states, 'rig.m.baseline:setup').state).toBe('to run');
  expect(one(states, 'rig.m.baseline:eval').state).toBe('to run');
});
