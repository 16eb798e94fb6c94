import { describe, expect, test } from 'vitest';
import {
  cellStates,
  type CellFacts,
  type ReceiptFacts,
} from '../../../tools/execution/records/cell-states.js';
import { cell } from '../../monitoring/status/builders.js';

const receipt = (rest: Partial<ReceiptFacts> = {}): ReceiptFacts => ({
  endedAt: '2026-01-01T00:00:10.000Z',
  restored: false,
  outdated: false,
  ...rest,
});

const facts = (rest: Partial<CellFacts> = {}): CellFacts => ({
  running: new Set(),
  waiting: new Set(),
  receipts: new Map(),
  faults: new Map(),
  ...rest,
});

const fault = (at: string) => new Map([['s.m.a', { sentence: 'killed: x', at }]]);

function stateOf(rest: Partial<CellFacts>, receipts = ['s.m.a.json']) {
  return cellStates([cell('a', { receipts })], facts(rest)).get('s.m.a');
}

describe('cellStates', () => {
  test('a cell is done when every part of it has a receipt', () => {
    const receipts = new Map([['one', receipt()]]);
    expect(stateOf({ receipts }, ['one', 'two'])).toBe('not_started');
    expect(stateOf({ receipts: receipts.set('two', receipt()) }, ['one', 'two'])).toBe('done');
  });

  test('cached: Nx put its receipts there; one that ran here makes it done', () => {
    const receipts = new Map([['one', receipt({ restored: true })]]);
    expect(stateOf({ receipts }, ['one'])).toBe('cached');
    expect(stateOf({ receipts: receipts.set('two', receipt()) }, ['one', 'two'])).toBe('done');
  });

  test('one that will run again is not done', () => {
    expect(stateOf({ receipts: new Map([['s.m.a.json', receipt({ outdated: true })]]) })).toBe('outdated');
  });

  test('who holds a lease runs, who has a ticket waits, whatever came before', () => {
    const before = {
      receipts: new Map([['s.m.a.json', receipt()]]),
      faults: fault('2026-01-01T00:00:20.000Z'),
    };
    expect(stateOf({ ...before, running: new Set(['s.m.a']) })).toBe('running');
    expect(stateOf({ ...before, waiting: new Set(['s.m.a']) })).toBe('waiting');
  });

  test('a fault counts until the cell has ended well since', () => {
    const receipts = new Map([['s.m.a.json', receipt()]]);
    expect(stateOf({ faults: fault('2026-01-01T00:00:00.000Z') })).toBe('failed');
    expect(stateOf({ receipts, faults: fault('2026-01-01T00:00:20.000Z') })).toBe('failed');
    expect(stateOf({ receipts, faults: fault('2026-01-01T00:00:00.000Z') })).toBe('done');
  });

  test('what waits for a failed cell is blocked, however far behind; other cells are not', () => {
    const cells = [
      cell('a'),
      cell('b', { dependsOn: ['s.m.a', 'tools:python-env'] }),
      cell('c', { dependsOn: ['s.m.b'] }),
      cell('d', { dependsOn: ['tools:python-env'] }),
      // Its results are there: nothing it waits for matters any more.
      cell('e', { dependsOn: ['s.m.a'] }),
    ];
    const states = cellStates(
      cells,
      facts({ faults: fault('2026-01-01T00:00:00.000Z'), receipts: new Map([['s.m.e.json', receipt()]]) }),
    );
    expect([...states.values()]).toEqual(['failed', 'blocked', 'blocked', 'not_started', 'done']);
  });
});
