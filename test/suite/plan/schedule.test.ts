// A cell's place in the plan, worked by hand.
import { expect, test } from 'vitest';
import type { Cell, CellKind } from '../../../tools/suite/model/cell.js';
import { schedules } from '../../../tools/suite/plan/schedule.js';

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
