// A cell's place in the plan, worked by hand.
import { describe, expect, test } from 'vitest';
import type { Cell, CellKind } from '../../../tools/suite/model/cell.js';
import { places, unitsOf, writtenGiB } from '../../../tools/suite/plan/schedule.js';

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
  const of = places(CELLS);
  expect(of.get('p:setup')).toMatchObject({ blocks: 6, cellsOfModel: 7 });
  expect(of.get('p:calibrate-1')).toMatchObject({ blocks: 2 });
  expect(of.get('p:edit')).toMatchObject({ blocks: 2 });
  expect(of.get('p:certify-1')).toMatchObject({ blocks: 0, chains: [] });
  expect(of.get('p:other')).toMatchObject({ blocks: 0, cellsOfModel: 1 });
});

test('chains of what follows, in units of work, without those that are part of a longer one', () => {
  const of = places(CELLS);
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
  expect(writtenGiB(CELLS)).toBe(4 * 14);
});

describe('an evaluation counts by the tokens it computes', () => {
  const units = (tasks: string[], more: Record<string, number | string> = {}, fewshot = 5): number =>
    unitsOf({
      kind: 'eval',
      parts: [
        {
          name: 'eval',
          spec: { benchmarks: tasks.map((task) => ({ name: task, task, fewshot })), ...more },
          writes: [],
          receipt: '',
        },
      ],
    });
  const ORIGINAL = ['mmlu', 'hellaswag', 'arc_challenge', 'winogrande'];

  test("the original script's four are four units, HellaSwag's four endings more than half of them", () => {
    expect(units(ORIGINAL)).toBe(4);
    // 14,042 questions of 5 × 120 + 90 + 1 tokens, and 10,042 × 4 of 5 × 85 + 75 + 25, of 8.1 million a unit.
    expect(units(['mmlu'])).toBe(1.2);
    expect(units(['hellaswag'])).toBe(2.6);
    // 1,267 × 2 of 5 × 28 + 25 + 12.
    expect(units(['winogrande'])).toBe(0.06);
  });

  test('examples are read with each question, unless prefixes are shared', () => {
    expect(units(['hellaswag'], {}, 0)).toBe(0.5);
    // 57 × 600 + 14,042 × 91 tokens, and 10,042 × (500 + 4 × 25).
    expect(units(['mmlu', 'mmlu'], { shared_prefix: 'auto' })).toBe(0.32);
    expect(units(['hellaswag'], { shared_prefix: 'auto' })).toBe(0.74);
  });

  test('a limit is counted, and one beyond a benchmark changes nothing', () => {
    expect(units(['mmlu'], { limit: 7_021 })).toBe(0.6);
    // Loading the model is more.
    expect(units(['winogrande'], { limit: 40 })).toBe(0.02);
    expect(units(ORIGINAL, { limit: 20_000 })).toBe(4);
  });

  test('a benchmark that nobody knows has 1,000 items of 800 tokens, or fewer where a limit says so', () => {
    expect(units(['mine', 'toString', 'a', 'b', 'c'])).toBe(0.49);
    expect(units(['mine', 'toString', 'a', 'b', 'c'], { limit: 2_000 })).toBe(0.49);
    expect(units(['mine', 'toString', 'a', 'b', 'c', 'd'], { limit: 500 })).toBe(0.3);
  });
});
