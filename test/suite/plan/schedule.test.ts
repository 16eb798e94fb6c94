// A cell's place in the plan, worked by hand.
import { describe, expect, test } from 'vitest';
import type { Cell, CellKind } from '../../../tools/suite/model/cell.js';
import { schedules, unitsOf } from '../../../tools/suite/plan/schedule.js';

function cell(id: string, kind: CellKind, dependsOn: string[], parts = 0): Cell {
  return {
    id: `p:${id}`,
    project: 'p',
    target: id,
    kind,
    model: id.startsWith('other') ? 'other' : 'm',
    sizeClass: '7b',
    description: '',
    dependsOn: dependsOn.map((one): `${string}:${string}` => `p:${one}`),
    reads: [],
    parts: Array.from({ length: parts }, (_, at) => ({
      name: String(at),
      spec: {},
      writes: [],
      receipt: '',
      link: 'l',
    })),
  };
}

const CELLS = [
  cell('setup', 'setup', [], 1),
  cell('calibrate-1', 'calibrate', ['setup']),
  cell('calibrate-2', 'calibrate', ['setup']),
  cell('preset', 'preset', ['calibrate-1', 'calibrate-2']),
  cell('edit', 'edit', ['setup'], 2),
  cell('eval', 'eval', ['edit']),
  cell('certify-1', 'certify', ['setup', 'edit', 'preset']),
  cell('other', 'setup', [], 1),
];

test('what waits for a cell counts once, however many ways lead to it', () => {
  const of = schedules(CELLS);
  expect(of.get('p:setup')).toMatchObject({ blocks: 6, cellsOfModel: 7 });
  expect(of.get('p:calibrate-1')).toMatchObject({ blocks: 2 });
  expect(of.get('p:edit')).toMatchObject({ blocks: 2 });
  expect(of.get('p:certify-1')).toMatchObject({ blocks: 0, chains: [] });
  expect(of.get('p:other')).toMatchObject({ blocks: 0, cellsOfModel: 1 });
});

test('chains of what follows, in units of work, without those that are part of a longer one', () => {
  const of = schedules(CELLS);
  expect(of.get('p:setup')?.chains).toEqual([
    [
      ['calibrate', 1],
      ['preset', 1],
      ['certify', 1],
    ],
    [
      ['edit', 2],
      ['eval', 1],
    ],
    [
      ['edit', 2],
      ['certify', 1],
    ],
  ]);
  expect(of.get('p:calibrate-2')?.chains).toEqual([
    [
      ['preset', 1],
      ['certify', 1],
    ],
  ]);
  expect(of.get('p:edit')).toMatchObject({ units: 2, chains: [[['eval', 1]], [['certify', 1]]] });
});

test('the weights of the suite: every link of 14 GiB', () => {
  for (const { suiteGiB } of schedules(CELLS).values()) expect(suiteGiB).toBe(4 * 14);
});

describe('an evaluation counts by the items it asks', () => {
  const units = (tasks: string[], limit?: number): number =>
    unitsOf({
      kind: 'eval',
      parts: [
        {
          name: 'eval',
          spec: {
            benchmarks: tasks.map((task) => ({ name: task, task, fewshot: 5 })),
            ...(limit === undefined ? {} : { limit }),
          },
          writes: [],
          receipt: '',
        },
      ],
    });
  const ORIGINAL = ['mmlu', 'hellaswag', 'arc_challenge', 'winogrande'];

  test("the original script's four are four units, MMLU more than half of them", () => {
    expect(units(ORIGINAL)).toBe(4);
    expect(units(['mmlu'])).toBe(2.12);
    // 1,267 items are less work than loading the model.
    expect(units(['winogrande'])).toBe(0.25);
  });

  test('a limit is counted, and one beyond a benchmark changes nothing', () => {
    // 4 × 800 of 26,523 items.
    expect(units(ORIGINAL, 800)).toBe(0.48);
    expect(units(ORIGINAL, 40)).toBe(0.25);
    expect(units(ORIGINAL, 20_000)).toBe(4);
  });

  test('a benchmark that nobody knows is one unit, or of 1,000 items where a limit says how many', () => {
    expect(units(['mine', 'toString'])).toBe(2);
    expect(units(['mine'], 400)).toBe(0.4);
    expect(units(['mine'], 2_000)).toBe(1);
  });
});
