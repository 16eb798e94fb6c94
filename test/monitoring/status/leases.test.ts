import { describe, expect, test } from 'vitest';
import { findJob, findLease } from '../../../tools/monitoring/status/break-by-hand.js';
import type { JobRecord } from '../../../tools/execution/engine/job-records.js';
import { ownIdentity } from '../../../tools/host/process-identity.js';
import type { LeaseList, ListedLease, ListedTicket } from '../../../tools/monitoring/status/leases.js';
import { leaseLines } from '../../../tools/monitoring/status/leases-text.js';

const IDS = [
  '4711-0123456789ab-aaaaaaaaaaaa',
  '4711-0123456789ab-abbbbbbbbbbb',
  '99-0123456789ab-cccccccccccc',
];

const lease = (id: string, rest: Partial<ListedLease> = {}): ListedLease => ({
  id,
  cell: `s.m.x:${id.slice(-1)}`,
  workspace: '/w',
  host: 'h',
  executorPid: 4711,
  workerPid: 4712,
  gpus: [0, 1],
  gpuUuids: ['GPU-0', 'GPU-1'],
  gibPerGpu: 66,
  ramGiB: 2.5,
  diskBytes: 0,
  cpuSlots: 1,
  since: '2026-01-02T03:04:05.678Z',
  elapsedSeconds: 192,
  attempt: 1,
  concerns: [],
  ...rest,
});

const waiting: ListedTicket = {
  id: '500-0123456789ab-dddddddddddd',
  cell: 's.m.x:eval',
  workspace: '/w2',
  host: 'h',
  executorPid: 500,
  waitedSeconds: 61,
  attempt: 2,
};

const list = (rest: Partial<LeaseList> = {}): LeaseList => ({
  schema: 1,
  directory: '/locks',
  leases: IDS.map((id) => lease(id)),
  tickets: [waiting],
  jobs: [],
  damaged: [],
  ...rest,
});

const jobOf = (job: string | null, cell: string): JobRecord => ({
  ...{ cell, job, run: '/w#s', workspace: '/w', attempt: 1, state: 'waiting', reason: 'queue is full' },
  ...{ node: '', gpus: 1, queuedAt: '2026-01-02T03:04:05Z', since: '2026-01-02T03:04:05Z' },
  executor: ownIdentity(),
});

describe('findJob', () => {
  const jobs = [jobOf('12', 's.m.x:eval'), jobOf(null, 's.m.y:eval'), jobOf('99', 's.m.z:eval')];

  test('by its whole number, or by its cell', () => {
    expect(findJob(list({ jobs }), '12')?.cell).toBe('s.m.x:eval');
    expect(findJob(list({ jobs }), 's.m.z:eval')?.job).toBe('99');
    expect(findJob(list({ jobs }), '1')).toBeUndefined();
    expect(findJob(list({ jobs }), '')).toBeUndefined();
  });

  test('what may be a lease too, and what has no job yet, is an error that says so', () => {
    expect(() => findJob(list({ jobs }), '99')).toThrow(
      `"99" may be Slurm job 99 (s.m.z:eval) or lease ${IDS[2] ?? ''} (s.m.x:c)`,
    );
    expect(() => findJob(list({ jobs }), 's.m.y:eval')).toThrow('has no job yet (queue is full)');
    expect(() => findLease(list({ leases: [], jobs }), '7')).toThrow(
      'no lease "7": there is none at all. Slurm jobs, by number:\n  12  s.m.x:eval\n  -  s.m.y:eval',
    );
  });
});

describe('findLease', () => {
  test.each([
    ['99', IDS[2]],
    ['4711-0123456789ab-aa', IDS[0]],
    [IDS[1] ?? '', IDS[1]],
  ])('%s means one', (prefix, id) => {
    expect(findLease(list(), prefix)).toBe(id);
  });

  test('more than one, none, a ticket: each is an error that says what there is', () => {
    expect(() => findLease(list(), '4711')).toThrow(
      `"4711" may be any of 2 leases:\n  ${IDS[0] ?? ''}  s.m.x:a\n  ${IDS[1] ?? ''}  s.m.x:b`,
    );
    expect(() => findLease(list(), '12')).toThrow(/no lease begins with "12". There are:\n {2}4711-/);
    expect(() => findLease(list(), '')).toThrow('no lease begins with ""');
    expect(() => findLease(list(), '500')).toThrow('waits and holds nothing');
    expect(() => findLease(list({ leases: [] }), '1')).toThrow('no lease "1": there is none at all');
  });

  test('a lease whose file is damaged can still be meant', () => {
    const damaged = [{ id: '7-0123456789ab-eeeeeeeeeeee', path: '/locks/leases/7.json', why: 'is torn' }];
    expect(findLease(list({ damaged }), '7')).toBe(damaged[0]?.id);
  });
});

test('leaseLines', () => {
  const leases = [lease(IDS[2] ?? '', { concerns: ['executor 4711 is gone'] })];
  const damaged = [{ id: 'x', path: '/locks/leases/x.json', why: 'is torn' }];
  expect(leaseLines(list({ leases, damaged }))).toEqual([
    '/locks: 1 lease, 1 waiting',
    'id                            cell     holds                                     since                 for         executor  worker  attempt  host  workspace',
    '99-0123456789ab-cccccccccccc  s.m.x:c  GPU 0, GPU 1: 66.0 GiB each, RAM 2.5 GiB  2026-01-02T03:04:05Z  3 min 12 s  4711      4712    1        h     /w',
    '! s.m.x:c: executor 4711 is gone',
    'waiting',
    'id                             cell        for         executor  attempt  host  workspace',
    '500-0123456789ab-dddddddddddd  s.m.x:eval  1 min 01 s  500       2        h     /w2',
    '! /locks/leases/x.json is torn; what it stands for stays held',
  ]);
  expect(leaseLines(list({ leases: [], tickets: [] }))).toEqual(['/locks: 0 leases, 0 waiting']);
});
