import { GIB } from '../../../tools/base/units.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { causeLines, errorLines } from '../../../tools/monitoring/run/run-summary.js';
import { rootCauses } from '../../../tools/monitoring/run/blocked.js';
import type { PlannedCell } from '../../../tools/suite/plan/planned.js';
import type { Keep } from '../../../tools/suite/model/keep.js';
import {
  describeDisk,
  diskRefusal,
  planDisk,
  type PlannedWeights,
} from '../../../tools/execution/store/disk-plan.js';
import { requestedCells } from '../../../tools/monitoring/run/requested.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { parseSuite } from '../../../tools/suite/load/load.js';
import { weightsGiB } from '../../../tools/suite/memory/memory.js';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../../support/repository.js';

const weights = (model: string, kind: 'setup' | 'edit', gib: number, change: Partial<PlannedWeights> = {}): PlannedWeights => ({
  model, kind, bytes: gib * GIB, there: false, wanted: true, hubCopy: false, ...change,
}); // prettier-ignore
const SMALL = [
  weights('a', 'setup', 14, { hubCopy: true }),
  weights('a', 'edit', 14),
  weights('a', 'edit', 14),
  weights('b', 'setup', 140),
  weights('b', 'edit', 140),
];
const inGib = (all: readonly PlannedWeights[], keep: Keep): [number, number] => {
  const { leastBytes, mostBytes } = planDisk(all, keep);
  return [leastBytes / GIB, mostBytes / GIB];
};

test('what is to be made, and what of it need be there at one time', () => {
  expect(inGib(SMALL, 'all')).toEqual([336, 336]);
  expect(inGib(SMALL, 'baselines')).toEqual([308, 336]);
  expect(inGib(SMALL, 'none')).toEqual([294, 336]);
});

test('what is there, or what nothing waits for, takes no more', () => {
  const there = SMALL.map((one) => ({ ...one, there: one.kind === 'setup' }));
  expect(inGib(there, 'all')).toEqual([168, 168]);
  expect(
    inGib(
      there.map((one) => ({ ...one, wanted: false })),
      'baselines',
    ),
  ).toEqual([0, 0]);
});

test('a run is refused when its weights and what stays free do not fit', () => {
  const plan = planDisk(SMALL, 'baselines');
  expect(diskRefusal(plan, 508 * GIB, 200 * GIB)).toBeUndefined();
  expect(diskRefusal(plan, 507 * GIB, 200 * GIB)).toContain(
    '308 GiB are still to be made and 200 GiB stay free',
  );
  expect(diskRefusal(planDisk([], 'all'), 0, 200 * GIB)).toBeUndefined();
  expect(describeDisk(plan, 'baselines', GIB)).toContain('at least 308 GiB at its peak');
});

test('letting weights go never asks for more disk than keeping them', () => {
  const one = fc.record({
    model: fc.constantFrom('a', 'b', 'c'),
    kind: fc.constantFrom('setup' as const, 'edit' as const, 'inject' as const),
    bytes: fc.integer({ min: 0, max: 1000 }),
    there: fc.boolean(),
    wanted: fc.boolean(),
    hubCopy: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 20 }), (all) => {
      const [none, baselines, kept] = (['none', 'baselines', 'all'] as const).map((keep) =>
        planDisk(all, keep),
      );
      expect(none?.leastBytes).toBeLessThanOrEqual(baselines?.leastBytes ?? 0);
      expect(baselines?.leastBytes).toBeLessThanOrEqual(kept?.leastBytes ?? 0);
      for (const plan of [none, baselines, kept])
        expect(plan?.leastBytes).toBeLessThanOrEqual(plan?.mostBytes ?? 0);
    }),
  );
});

function planOf(suite: string): PlannedCell[] {
  const text = readFileSync(join(REPOSITORY, `suites/${suite}/suite.yaml`), 'utf8');
  const parsed = parseSuite(suite, text, () => ({ kind: 'none' }));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return planSuite(parsed.value.suite);
}

test('the b200 suite: 8 TB kept whole, under 2 TB with baselines alone', () => {
  const all = planOf('b200').flatMap(({ model, kind, sizeClass, parts }) =>
    parts
      .filter(({ link }) => link !== undefined)
      .map(() => weights(model, kind as 'setup', weightsGiB(sizeClass), { hubCopy: kind === 'setup' })),
  );
  const TB = 1e12;
  expect(planDisk(all, 'all').mostBytes / TB).toBeGreaterThan(8);
  const { leastBytes } = planDisk(all, 'baselines');
  expect((leastBytes + 200 * GIB) / TB).toBeLessThan(2);
});

const CELLS = planOf('b200');
const of = (...words: string[]): number => requestedCells(['node', 'nx', ...words], 'b200', CELLS).length;

test('what a command line asks for', () => {
  const all = CELLS.length;
  expect(of('run', 'b200:certify')).toBe(all);
  expect(of('run-many', '-t', 'certify')).toBe(all);
  expect(of('run-many', '--targets=certify,verdict', '--parallel', '3')).toBe(all);
  expect(of('run', 'smoke:certify')).toBe(0);
  expect(of('show', 'projects')).toBe(0);
  expect(of('run', 'b200.mistral-7b-v01.baseline:setup')).toBe(1);
  // Its own cells, and the suite's data, which they read.
  const model = CELLS.filter((cell) => cell.model === 'mistral-7b-v01').length + 1;
  expect(of('run-many', '-t', 'certify', '-p', 'tag:model:mistral-7b-v01')).toBe(model);
  expect(of('run-many', '-t', 'certify', '-p', 'b200.mistral-*')).toBe(model);
  // An edit's evaluation with what it is made of: setup, data, batch, itself.
  expect(of('run', 'b200.mistral-7b-v01.quant_8bit_clean:eval-mmlu')).toBe(4);
});

test('cells that wait for a failed one are named with it, once', () => {
  const prefix = 'b200.mistral-7b-v01';
  const edits = `${prefix}.edits:edit`;
  const faults = new Map([[edits, 'bad_edit: no tensor matches']]);
  const [cause, ...others] = rootCauses(CELLS, faults, new Set([`${prefix}.baseline:setup`]));
  expect(others).toEqual([]);
  expect(cause?.cell).toBe(edits);
  expect(cause?.blocked).toContain(`${prefix}.quant_8bit_clean:certify-1`);
  expect(cause?.blocked).not.toContain(`${prefix}.baseline:preset`);
  const lines = causeLines(cause === undefined ? [] : [cause]);
  expect(lines[0]).toBe(`  ${edits} failed: bad_edit: no tensor matches`);
  expect(lines[1]).toMatch(/^ {4}waiting for it: .*, … \(\d+\)$/);
});

test('errors of a run: totals by class, and the latest', () => {
  const base = { attempt: 1, class: 'transient', message: 'x', log: null, gpus: [], again: true };
  const errors = Array.from({ length: 7 }, (_, n) => ({
    ...base,
    at: `t${n}`,
    cell: `c${n}`,
    code: n < 5 ? 'unavailable' : 'killed',
  }));
  const lines = errorLines(errors, 's');
  expect(lines[0]).toBe(
    '  errors in this run: 5 unavailable, 2 killed (7 of 7 tried again); all in output/s/state/errors.json',
  );
  expect(lines).toHaveLength(6);
  expect(lines.at(-1)).toBe('    t6 c6 killed: x');
});
