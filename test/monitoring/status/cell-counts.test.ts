import { expect, test } from 'vitest';
import { cellStates } from '../../../tools/execution/records/cell-states.js';
import { countStates } from '../../../tools/monitoring/status/cell-counts.js';
import { cell } from './builders.js';

test('countStates counts by model and in all', () => {
  const cells = [cell('a'), cell('b', { model: 'n' }), cell('c', { model: 'n' })];
  const states = cellStates(cells, {
    running: new Set(['s.m.b']),
    waiting: new Set(),
    receipts: new Map(),
    faults: new Map(),
  });
  const { all, models } = countStates(cells, states);
  expect(all).toMatchObject({ total: 3, running: 1, not_started: 2, done: 0 });
  expect(models.m).toMatchObject({ total: 1, running: 0, not_started: 1 });
  expect(models.n).toMatchObject({ total: 2, running: 1, not_started: 1 });
});
