// The size of a model made from facts is known before it is made.
import { expect, test } from 'vitest';
import { GIB } from '../../../tools/base/units.js';
import { factsSizes } from '../../../tools/suite/memory/facts-size.js';
import type { CellKind } from '../../../tools/suite/model/cell.js';

const cell = (kind: CellKind, model: string, source: Record<string, string | number>) => ({
  ...{ kind, model },
  parts: [{ name: '', spec: { source }, writes: [], receipt: '' }],
});
const SHAPE = { type: 'facts', hidden_size: 128, intermediate_size: 384, num_layers: 4 };

test('by its setup: two bytes a weight, of experts those that a token goes through', () => {
  const sizes = factsSizes([
    cell('setup', 'dense', SHAPE),
    cell('setup', 'moe', { ...SHAPE, num_experts: 4, experts_per_token: 2 }),
    cell('setup', 'from-a-hub', { type: 'hub', id: 'a/b', revision: 'main' }),
    cell('eval', 'dense', {}),
  ]);
  const [attention, expert] = [4 * 128 * 128, 3 * 128 * 384];
  const gib = (experts: number): number => (2 * 4 * (attention + experts * expert)) / GIB;
  expect(sizes).toEqual(
    new Map([
      ['dense', { weightsGiB: gib(1), activeGiB: gib(1), layers: 4 }],
      ['moe', { weightsGiB: gib(4), activeGiB: gib(2), layers: 4 }],
    ]),
  );
});
