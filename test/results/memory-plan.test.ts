// analysis/memory_plan.csv, the plan's memory table and what a cell's ticket asks for say the same of every cell of b200.
import { describe, expect, test } from 'vitest';
import { parseCsv } from '../../tools/results/outputs/tables/csv.js';
import { memoryRows as withRecords } from '../../tools/results/analysis/memory.js';
import { memoryPlanCsv } from '../../tools/results/outputs/tables/memory-plan.js';
import { planMemory } from '../../tools/results/analysis/memory.js';
import { needsOf } from '../../tools/execution/cell/lease-request.js';
import { CELL_KINDS } from '../../tools/suite/model/cell.js';
import { ALL_JUDGES } from '../../tools/suite/model/suite.js';
import { weightsGiB } from '../../tools/suite/memory/memory.js';
import {
  memoryRows,
  perDeviceGiB,
  plannedMemory,
  type Devices,
  type ModelProfile,
} from '../../tools/suite/memory/memory-plan.js';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { loadSiteSettings } from '../../tools/suite/settings/settings.js';
import { referenceSuite } from '../suite/parse.js';

// With the judges that have cells of their own, so that every kind is there.
const cells = planSuite({ ...referenceSuite(), judges: ALL_JUDGES });
const models = [...new Set(cells.map(({ model }) => model))];

/** Of a model that is a little larger than its class says, so that plans by name and by profile differ. */
function profileOf(model: string): ModelProfile {
  const sizeClass = cells.find((cell) => cell.model === model)?.sizeClass ?? 'tiny';
  const sizes = { layers: 60, kvHeads: 8, headDim: 128, maxPositions: 4096, dtypeBytes: 2 };
  const weights = weightsGiB(sizeClass) * 1.03;
  return { weightsGiB: weights, activeGiB: weights, ...sizes };
}

const profiles = {
  none: new Map<string, ModelProfile>(),
  'of half the models': new Map(models.filter((_, at) => at % 2 === 0).map((one) => [one, profileOf(one)])),
  'of all models': new Map(models.map((one) => [one, profileOf(one)])),
};

const SETTINGS: Record<string, NodeJS.ProcessEnv> = {
  'as they are': {},
  'GPU_MEMORY_GB=40': { GPU_MEMORY_GB: '40' },
  'GPU_MEMORY_PER_DEVICE=24': { GPU_MEMORY_GB: '80', GPU_MEMORY_PER_DEVICE: '24' },
  'memory.plan: reference': { VALIDATION_MEMORY_PLAN: 'reference' },
  'other overheads': { EVAL_OVERHEAD_GB: '20', INVARLOCK_OVERHEAD_GB: '1', EDIT_OVERHEAD_GB: '3' },
  'other contexts and tolerance': { EVAL_CONTEXT_LEN: '512', SCHEDULER_MEM_TOLERANCE_GB: '0' },
};

const CASES = Object.keys(SETTINGS).flatMap((of) =>
  (Object.keys(profiles) as (keyof typeof profiles)[]).map((known) => [of, known] as const),
);

describe.each(CASES)('settings %s, profiles %s', (of, known) => {
  const settings = loadSiteSettings('/nowhere', SETTINGS[of]);
  const csv = parseCsv(memoryPlanCsv(withRecords(planMemory(cells, profiles[known], settings), [])));
  const devices = (count: number): Devices => ({ count, usableGiB: perDeviceGiB(settings, undefined) });

  test('the file has every cell once, with the figures of its ticket on a host with GPUs enough', () => {
    expect(csv.map(({ task_id }) => task_id).sort()).toEqual(cells.map(({ id }) => id as string).sort());
    for (const row of csv) {
      const cell = cells.find(({ id }) => id === row.task_id);
      if (cell === undefined) throw new Error(row.task_id);
      const planned = plannedMemory(cell, profiles[known].get(cell.model), settings, devices(64));
      const needs = needsOf(planned);
      expect(Number(row.required_gpus), row.task_id).toBe(needs.gpus);
      const asked = needs.gpus > 0 ? needs.gpus * needs.gibPerGpu : needs.ramGiB;
      // An edit takes one GPU, also where the original script plans more than that.
      const most = cell.kind === 'edit' ? Math.max(asked, planned.requiredGiB) : asked;
      expect(Number(row.model_size_gb), row.task_id).toBeCloseTo(most, 2);
      expect(row.basis).toBe(profiles[known].has(cell.model) ? 'profile' : 'size class');
    }
  });

  test.each([1, 8])(
    'the table for %d GPUs has the same, and says of what needs more that it does not fit',
    (count) => {
      const rows = memoryRows(cells, profiles[known], settings, devices(count));
      const counted = new Map<string, number>();
      for (const { model_name, task_type, model_size_gb, required_gpus } of csv) {
        const key = [model_name, task_type, model_size_gb, required_gpus].join(' ');
        counted.set(key, (counted.get(key) ?? 0) + 1);
      }
      const table = new Map<string, number>();
      for (const row of rows) {
        const key = [row.model, row.kind, Number(row.requiredGiB.toFixed(3)), row.gpus].join(' ');
        table.set(key, (table.get(key) ?? 0) + row.cells);
        expect(row.fits, row.note).toBe(row.gpus <= count);
        if (!row.fits)
          expect(row.note).toMatch(new RegExp(`: ${row.gpus} GPUs of .* and there are ${count}$`));
      }
      expect(table).toEqual(counted);
      expect(new Set(rows.map(({ kind }) => kind))).toEqual(
        new Set(CELL_KINDS.filter((kind) => kind !== 'adopt' && kind !== 'program')),
      );
      expect(new Set(rows.map(({ model }) => model))).toEqual(new Set(models));
    },
  );
});

test('some of these cells need several GPUs, and some do not fit: the cases above are not all one', () => {
  const gpus = (environment: NodeJS.ProcessEnv): number =>
    Math.max(
      ...planMemory(cells, new Map(), loadSiteSettings('/nowhere', environment)).map((row) => row.gpus),
    );
  expect(gpus({})).toBe(1);
  expect(gpus({ GPU_MEMORY_GB: '40' })).toBe(4);
  expect(gpus({ GPU_MEMORY_PER_DEVICE: '24' })).toBe(7);
});
