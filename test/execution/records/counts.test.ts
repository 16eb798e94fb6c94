// However cells are counted, it comes to the same: nx status and the live page by states, the verdict by the plan's parts,
// state/progress.json by the names of finished cells.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cellStates,
  countCells,
  finishedOf,
  finishedText,
} from '../../../tools/execution/records/cell-states.js';
import { finishedCells } from '../../../tools/execution/records/finished-cells.js';
import type { Standing } from '../../../tools/execution/records/standing.js';
import { progressOf } from '../../../tools/execution/progress/progress.js';
import { finishedParts } from '../../../tools/results/read/receipts.js';
import type { PlannedCell } from '../../../tools/suite/plan/planned.js';

const RECEIPTS = ['none', 'stands', 'restored', 'outdated'] as const;
const FAULTS = ['none', 'before', 'since'] as const;
const suite = fc.array(
  fc.record({
    parts: fc.array(fc.constantFrom(...RECEIPTS), { minLength: 1, maxLength: 3 }),
    fault: fc.constantFrom(...FAULTS),
  }),
  { maxLength: 12 },
);

const ENDED = '2026-01-01T00:00:10.000Z';
const AT = { before: '2026-01-01T00:00:05.000Z', since: '2026-01-01T00:00:15.000Z' };

function standingOf(cells: typeof suite extends fc.Arbitrary<infer T> ? T : never): {
  planned: PlannedCell[];
  standing: Standing;
} {
  const path = (cell: number, part: number): string => `${cell}/${part}.json`;
  const found = cells.flatMap(({ parts }, cell) =>
    parts.map((receipt, part) => [path(cell, part), receipt] as const),
  );
  return {
    planned: cells.map(
      ({ parts }, cell) =>
        ({
          id: `s.m.v${cell}:certify-1`,
          parts: parts.map((_, part) => ({ name: String(part), spec: {}, receipt: path(cell, part) })),
        }) as unknown as PlannedCell,
    ),
    standing: {
      receipts: new Map(
        found.flatMap(([at, receipt]) => {
          if (receipt === 'none') return [];
          const [restored, outdated] = [receipt === 'restored', receipt === 'outdated'];
          return [[at, { endedAt: ENDED, restored, outdated, runSeconds: 1, startSeconds: null }]];
        }),
      ),
      outdated: new Map(
        found.flatMap(([at, receipt]) =>
          receipt === 'outdated' ? [[at, { reason: 'stale' as const, detail: 'x' }]] : [],
        ),
      ),
      faults: new Map(
        cells.flatMap(({ fault }, cell) =>
          fault === 'none' ? [] : [[`s.m.v${cell}:certify-1`, { sentence: 'killed: x', at: AT[fault] }]],
        ),
      ),
    },
  };
}

test('states, the verdict and progress.json count the same cells as finished', () => {
  fc.assert(
    fc.property(suite, (cells) => {
      const { planned, standing } = standingOf(cells);
      const states = cellStates(
        planned.map(({ id, parts }) => ({ id, dependsOn: [], receipts: parts.map((one) => one.receipt) })),
        { running: new Set(), waiting: new Set(), ...standing },
      );
      const byStates = finishedOf(countCells(states.values()));

      const open = [...standing.faults].filter(([id]) => states.get(id) === 'failed');
      const verdict = finishedParts(
        planned.flatMap(({ id, parts }) => parts.map((part) => ({ cell: id, ...part }))),
        new Map([...standing.receipts.keys()].map((at) => [at, receiptFile])),
        {
          faults: new Map(open.map(([id, { sentence }]) => [id, sentence])),
          outdated: ({ receipt }) => standing.outdated.get(receipt) ?? null,
        },
      );
      expect(verdict.cells).toEqual(byStates);

      const names = finishedCells(planned, standing).map(({ cell }) => cell);
      const progress = progressOf({
        ...{ suite: 's', at: '', totals: { m: planned.length }, done: { m: names } },
        ...{ running: [], waiting: [], failed: open.map(([cell]) => ({ cell, why: '' })) },
      });
      expect(progress.cells).toMatchObject({ total: byStates.total, done: byStates.finished });
    }),
  );
});

const receiptFile = { ok: true as const, value: { schema: 1, fingerprint: 'f' } };

test('the words', () => {
  expect(finishedText({ total: 84, finished: 40 })).toBe('40 of 84 cells finished');
  expect(finishedText({ total: 84, finished: 84 })).toBe('all 84 cells finished');
});
