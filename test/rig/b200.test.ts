// The b200 suite end to end on eight fake GPUs: real nx, executors and scheduler, a scripted Python, durations by weights.
// A third of it by default (one model in batch mode, one an edit a cell, one of 70B); RIG_FULL=1 runs all 574, RIG_SCALE
// sets the seconds of a scripted cell for a planned one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { simulate } from '../../tools/execution/lease/policy/simulate.js';
import { needsOf } from '../../tools/execution/cell/lease-request.js';
import { estimatedSeconds } from '../../tools/suite/plan/estimate.js';
import { identityOf } from '../../tools/suite/settings/identity.js';
import { weightsGiB } from '../../tools/suite/memory/memory.js';
import { plannedMemory } from '../../tools/suite/memory/memory-plan.js';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { basePriority } from '../../tools/suite/plan/priority.js';
import { unitsOf, type ScheduledCell } from '../../tools/suite/plan/schedule.js';
import { loadSiteSettings } from '../../tools/suite/settings/settings.js';
import { LIMITS } from '../execution/lease/builders.js';
import { parsed } from '../suite/parse.js';
import { SUPPORT } from '../support/repository.js';
import { installNvidiaSmi } from '../support/rig/nvidia-smi.js';
import { Rig, type Ran } from '../support/rig/workspace.js';

const FULL = process.env.RIG_FULL === '1';
const GPUS = 8;
const SLOTS = 32;
/** GPUs of 80 GiB that cells may take 60 of: large models need several. */
const GPU_MEMORY_GB = 60;
/** Seconds of a scripted cell for a planned one; the start of an executor costs a third of a second of a core beside it. */
const SCALE = Number(process.env.RIG_SCALE ?? (FULL ? 3e-4 : 2e-4));
const UUIDS = Array.from({ length: GPUS }, (_, index) => `GPU-0000000${index}-0000-0000-0000-000000000000`);

test(
  'every cell of the b200 suite is done, on the GPUs it needs, and none is given twice',
  { timeout: 3_600_000 },
  async () => {
    const text = readFileSync(new URL('../../suites/b200/suite.yaml', import.meta.url), 'utf8');
    const third = {
      MODEL_2: '',
      MODEL_3: '',
      MODEL_4: '',
      MODEL_5: '',
      MODEL_8: '',
      CLEAN_EDIT_RUNS: '1',
      STRESS_EDIT_RUNS: '1',
      DRIFT_CALIBRATION_RUNS: '2',
    };
    const identity = identityOf(FULL ? {} : third);
    const cells = planSuite(parsed(text, {}, 'rig', identity));
    const settings = loadSiteSettings('/nowhere', { GPU_MEMORY_GB: String(GPU_MEMORY_GB) });
    const devices = { count: GPUS, usableGiB: GPU_MEMORY_GB };
    const needs = (cell: ScheduledCell) => needsOf(plannedMemory(cell, undefined, settings, devices));
    const gpusOf = new Map(cells.map((cell) => [cell.id as string, needs(cell).gpus]));
    const modelGiB = ({ sizeClass }: ScheduledCell): number => weightsGiB(sizeClass);
    const seconds = cells.map((cell) => unitsOf(cell) * estimatedSeconds(cell.kind, modelGiB(cell)));
    const simulated = simulate(cells, {
      host: { gpus: Array.from({ length: GPUS }, () => 80), ramGiB: 2_000, diskBytes: Infinity },
      limits: { ...LIMITS, cpuSlots: SLOTS },
      keep: 'all',
      weightsGiB: modelGiB,
      needs,
      base: ({ kind, id }) => basePriority(kind, id.split(':')[0]?.split('.')[2] ?? ''),
    });
    expect(simulated.unfinished).toEqual([]);

    await using rig = new Rig(text);
    const environment = {
      PATH: installNvidiaSmi(rig, UUIDS, '10.0'),
      CUDA_VISIBLE_DEVICES: Array.from({ length: GPUS }, (_, index) => index).join(','),
      GPU_MEMORY_GB: String(GPU_MEMORY_GB),
      HF_HUB_OFFLINE: '1',
      NX_PARALLEL: '16',
      NODE_OPTIONS: `--import ${join(SUPPORT, 'rig/big-host.mjs')}`,
      ...identity,
    };
    rig.script(
      Object.fromEntries(
        cells.map(({ id }, index) => [id, { sleepMs: Math.round((seconds[index] ?? 0) * SCALE * 1000) }]),
      ),
    );
    rig.edit('workspace-config/site.yaml', (yaml) => yaml.replace('slots: auto', `slots: ${SLOTS}`));
    const generated = await rig.nx(['g', './tools:suite', 'rig'], environment);
    expect(generated.exitCode, generated.output).toBe(0);

    const began = Date.now();
    const { exitCode, output } = await rig.nx(['run', 'rig:certify'], environment);
    const wall = (Date.now() - began) / 1000;
    expect(output).toContain(`all ${cells.length} cells finished`);
    expect(exitCode).toBe(0);

    const runs = rig.takeRuns();
    expect(
      runs
        .filter(({ what }) => what === 'end')
        .map(({ cell }) => cell)
        .sort(),
    ).toEqual(cells.map(({ id }) => id as string).sort());
    const holders = new Map<string, string>();
    for (const { what, cell, gpus } of runs satisfies Ran[]) {
      const held = gpus === '' ? [] : gpus.split(',');
      expect(held.length, cell).toBe(gpusOf.get(cell));
      for (const one of held) {
        if (what === 'start') expect(holders.get(one), `${one} for ${cell}`).toBeUndefined();
        if (what === 'start') holders.set(one, cell);
        else holders.delete(one);
      }
    }
    const several = runs.filter(({ gpus }) => gpus.includes(','));
    expect(several.length).toBeGreaterThan(0);
    for (const { cell } of several) expect(cell).toMatch(/mixtral|70b|72b|32b|34b/);

    const scaled = (value: number): string => (value * SCALE).toFixed(1);
    const { boundSeconds, makespanSeconds } = simulated;
    console.log(
      `${cells.length} cells in ${wall.toFixed(0)} s, ${several.length} starts and ends on several GPUs; of scripted work ` +
        `${scaled(boundSeconds)} s at least, ${scaled(makespanSeconds)} s as simulated; the rest is starting ${cells.length} executors`,
    );
  },
);
