import { describe, expect, test } from 'vitest';
import { gpu, state, ticket } from '../../execution/lease/builders.js';
import type { MeasuredReceipt } from '../../../tools/execution/records/standing.js';
import { redraw } from '../../../tools/monitoring/status/show-status.js';
import { statusOf, type StatusFacts } from '../../../tools/monitoring/status/status.js';
import { statusLines } from '../../../tools/monitoring/status/status-text.js';
import { cell, leaseFacts, WORKSPACE } from './builders.js';

const receipt: MeasuredReceipt = {
  endedAt: '2026-01-01T00:00:00.000Z',
  runSeconds: 60,
  startSeconds: null,
  restored: false,
  outdated: false,
};

function facts(rest: Partial<StatusFacts> = {}): StatusFacts {
  return {
    suite: 's',
    workspace: WORKSPACE,
    at: '2026-01-02T03:04:05.678Z',
    now: 200_000,
    cells: [
      cell('a:eval'),
      cell('b:eval'),
      cell('c:eval'),
      cell('d:eval'),
      cell('e:certify-1', { model: 'n' }),
    ],
    receipts: new Map([
      ['s.m.a:eval.json', receipt],
      ['s.m.c:eval.json', { ...receipt, restored: true }],
    ]),
    sizes: new Map(),
    faults: new Map([['s.m.e:certify-1', { sentence: 'killed: Python was ended by SIGKILL\nmore', at: '' }]]),
    passed: { state: state({ gpus: [gpu(0, { freeGiB: 19 }), gpu(1)] }), waiting: [], warnings: [] },
    leases: [leaseFacts('b:eval', { gpus: ['GPU-0'], gpuIndices: [0], gibPerGpu: 60 })],
    pool: [0, 1].map((index) => ({ uuid: `GPU-${index}`, index })),
    settings: { cpuSlots: 4, minFreeGiB: 10, requireIdle: true },
    ...rest,
  };
}

const big = ticket('t', {
  cell: 's.m.d:eval',
  run: `${WORKSPACE}#s`,
  queuedAtMs: 77_000,
});

const reason = { what: 'gpus', wanted: 2, gibPerGpu: 90, free: 1, reservedFor: [] } as const;

describe('statusOf', () => {
  test('what a person reads', () => {
    const base = facts();
    const status = statusOf({
      ...base,
      passed: {
        ...base.passed,
        state: { ...base.passed.state, tickets: [big] },
        waiting: [{ ticket: big, reason: { ...reason, reservedFor: [] } }],
        warnings: ['something is odd'],
      },
    });
    expect(statusLines(status)).toEqual([
      's at 2026-01-02T03:04:05Z: 2 of 5 cells finished, 1 of them cached; 1 running, 1 waiting, 1 failed',
      'time left: at least 1 min 00 s, by times measured in this suite',
      'warning: something is odd',
      '',
      'GPU 0  s.m.b:eval         3 min 12 s  61.0 of 80.0 GiB used, 60.0 reserved  worker 12, attempt 1',
      'GPU 1  free                           0.0 of 80.0 GiB used',
      'CPU    3 of 4 slots free',
      '',
      'waiting, the next first',
      '  s.m.d:eval  2 min 03 s  needs 2 GPUs of 90 GiB, 1 free',
      '',
      'failed',
      '  s.m.e:certify-1: killed: Python was ended by SIGKILL',
      '',
      'model  done  cached  running  waiting  failed  not started  cells',
      'm         1       1        1        1       0            0      4',
      'n         0       0        0        0       1            0      1',
      'all       1       1        1        1       1            0      5',
    ]);
  });

  test('cells of other workspaces hold lanes and wait, and count for nothing here', () => {
    const base = facts();
    const foreign = { ...big, id: 'f', run: '/other#s' };
    const status = statusOf({
      ...base,
      leases: [leaseFacts('b:eval', { gpus: ['GPU-0'], gpuIndices: [0], workspace: '/other' })],
      passed: { ...base.passed, state: { ...base.passed.state, tickets: [foreign] } },
    });
    expect(status.cells).toMatchObject({ running: 0, waiting: 0, not_started: 2 });
    expect(status.waiting).toEqual([
      { cell: 's.m.d:eval', workspace: '/other', reason: 'starts now', waitedSeconds: 123 },
    ]);
    expect(statusLines(status).join('\n')).toContain('s.m.b:eval (run of /other)');
  });

  test('a holder that gives concern is named below the lanes', () => {
    const status = statusOf(facts({ leases: [leaseFacts('b:eval', {}, { executor: 'stopped' })] }));
    expect(statusLines(status)).toContain(
      '! s.m.b:eval: executor 11 is stopped (SIGSTOP); it goes on after: kill -CONT 11',
    );
  });

  test('when nothing runs the time is what a run would take; when nothing is open there is none', () => {
    expect(statusLines(statusOf(facts({ leases: [] })))[1]).toBe(
      'none of it is running; it would take at least 1 min 00 s, by times measured in this suite',
    );
    const done = facts({ cells: [cell('a:eval')], faults: new Map(), leases: [] });
    expect(statusOf(done).timeLeft).toBeNull();
    expect(statusLines(statusOf(done))[1]).toBe('nothing is left to run');
    const failed = facts({ cells: [cell('e:certify-1')], leases: [] });
    expect(statusLines(statusOf(failed))[1]).toBe('nothing is left but what failed and what waits for it');
  });

  test('a long queue is cut, and says so', () => {
    const base = facts();
    const tickets = Array.from({ length: 40 }, (_, at) => ({ ...big, id: `t${at}` }));
    const waiting = tickets.map((one) => ({ ticket: one, reason: { ...reason, reservedFor: [] } }));
    const passed = { ...base.passed, state: { ...base.passed.state, tickets }, waiting };
    const status = statusOf({ ...base, passed });
    expect(status.waiting).toHaveLength(40);
    expect(statusLines(status)).toContain('  … and 25 more (--json lists them all)');
  });
});

test('redraw keeps to the screen, and to nothing where its size is not known', () => {
  expect(redraw(['abcdef', 'x', 'y'], 4, 3)).toBe('\x1b[Habc…\x1b[K\nx\x1b[K\n\x1b[J');
  expect(redraw(['abcdef'], 0, 0)).toBe('\x1b[Habcdef\x1b[K\n\x1b[J');
});
