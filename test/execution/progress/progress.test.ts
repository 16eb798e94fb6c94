import { cpSync, mkdtempSync, readFileSync, rmSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  openLockDirectory,
  type LockDirectory,
} from '../../../tools/execution/lease/directory/lock-directory.js';
import {
  beginProgress,
  readProgress,
  reconciled,
  runName,
} from '../../../tools/execution/lease/directory/progress-record.js';
import { ownIdentity } from '../../../tools/host/process-identity.js';
import { newId } from '../../../tools/execution/lease/directory/ids.js';
import { writeLease, removeLease } from '../../../tools/execution/lease/directory/records.js';
import { clearFault, writeFault } from '../../../tools/execution/records/last-fault.js';
import { keepProgress, progressPath } from '../../../tools/execution/progress/keep-progress.js';
import { refreshProgress, tickProgress } from '../../../tools/execution/progress/refresh-progress.js';
import {
  progressFileSchema,
  progressOf,
  type ProgressFacts,
} from '../../../tools/execution/progress/progress.js';
import type { PlannedCell } from '../../../tools/suite/plan/planned.js';
import { state } from '../lease/builders.js';
import { leaseRecord } from '../../monitoring/status/builders.js';
import { REPOSITORY } from '../../support/repository.js';

const running = (cell: string): ProgressFacts['running'][number] => ({
  cell,
  gpus: [0],
  since: '',
  attempt: 1,
  executor_pid: 1,
  worker_pid: null,
});

const facts = (rest: Partial<ProgressFacts> = {}): ProgressFacts => ({
  suite: 's',
  at: '2026-01-01T00:00:00.000Z',
  totals: { m: 4, n: 2 },
  done: {},
  running: [],
  waiting: [],
  failed: [],
  ...rest,
});

describe('progressOf', () => {
  test('counts by model and in all', () => {
    const file = progressOf(
      facts({
        done: { m: ['s.m.a:eval'] },
        running: [running('s.n.a:eval')],
        waiting: ['s.m.b:eval'],
        failed: [{ cell: 's.m.c:eval', why: 'killed: x' }],
      }),
    );
    expect(file.models).toEqual({
      m: { total: 4, done: 1, running: 0, waiting: 1, failed: 1, not_started: 1 },
      n: { total: 2, done: 0, running: 1, waiting: 0, failed: 0, not_started: 1 },
    });
    expect(file.cells).toEqual({ total: 6, done: 1, running: 1, waiting: 1, failed: 1, not_started: 2 });
  });

  test('every cell counts once, wherever it is named', () => {
    const cells = fc.uniqueArray(fc.constantFrom('s.m.a:x', 's.m.b:x', 's.m.c:x', 's.m.d:x'));
    fc.assert(
      fc.property(cells, cells, cells, cells, (done, runs, waits, fails) => {
        const file = progressOf(
          facts({
            totals: { m: 4 },
            done: { m: done },
            running: runs.map(running),
            waiting: waits,
            failed: fails.map((cell) => ({ cell, why: '' })),
          }),
        );
        const { total, ...counts } = file.cells;
        expect(Object.values(counts).reduce((sum, one) => sum + one, 0)).toBe(total);
        expect(counts.not_started).toBe(4 - new Set([...done, ...runs, ...waits, ...fails]).size);
        expect(progressFileSchema.parse(file)).toEqual(file);
      }),
    );
  });
});

test('the sample in the documentation is such a file', () => {
  const text = readFileSync(join(REPOSITORY, 'docs', 'watching.md'), 'utf8');
  const samples = [...text.matchAll(/```json\n([^`]*)```/g)].map(([, sample = '']) => sample);
  const sample = samples.find((each) => each.includes('"models"')) ?? '';
  const file = progressFileSchema.parse(JSON.parse(sample));
  for (const { total, ...counts } of [file.cells, ...Object.values(file.models)])
    expect(Object.values(counts).reduce((sum, one) => sum + one, 0)).toBe(total);
  const models = Object.values(file.models).reduce((sum, { total }) => sum + total, 0);
  expect(models).toBe(file.cells.total);
});

const finished = (cell: string) => ({ cell, model: 'm', kind: 'certify' as const, seconds: 5 });
const part = (name: string) => ({ name, spec: {}, writes: [], receipt: `output/s/${name}.receipt.json` });
const planned = (name: string): PlannedCell =>
  ({
    id: `s.m.${name}:certify-1`,
    kind: 'certify',
    model: 'm',
    reads: [],
    parts: [part(name)],
  }) as unknown as PlannedCell;
const receipt = (cell: string) => ({
  ...{
    schema: 1,
    cell,
    part: 'b',
    fingerprint: 'f',
    versions: {},
    deviceClass: 'cpu',
    reads: {},
    results: {},
  },
  ...{ recipe: null, startedAt: '', endedAt: '', waitSeconds: 0, runSeconds: 7, gpus: [], threads: 1 },
  ...{ peakRssBytes: null, attempts: [] },
});

test('a record is brought in line with the receipts, except for what ended since they were read', () => {
  const record = (...cells: string[]) => ({ run: 'r', done: { m: cells }, total: { m: 9 }, seconds: {} });
  // `gone` has lost its receipt, `new` came from Nx's cache, `late` ended after the receipts were read.
  const next = reconciled(record('kept', 'gone', 'late'), record('kept', 'gone'), [
    finished('kept'),
    finished('new'),
  ]);
  expect(next.done).toEqual({ m: ['kept', 'late', 'new'] });
  expect(next.seconds).toEqual({ 'm/certify': [5] });
});

describe('the file', () => {
  let root: string;
  let directory: LockDirectory;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'validation-progress-'));
    directory = openLockDirectory(join(root, 'locks'));
    write('suites/s/project.json', { metadata: { cells: { m: 3 } } });
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function write(path: string, value: unknown): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), JSON.stringify(value));
  }
  const read = () => progressFileSchema.parse(JSON.parse(readFileSync(progressPath(root, 's'), 'utf8')));
  const of = (cell?: string) => ({
    directory,
    workspaceRoot: root,
    suite: 's',
    ...(cell === undefined ? {} : { cell }),
  });
  const hold = () => {
    const lease = leaseRecord('a:eval', {
      id: newId(),
      run: runName(root, 's'),
      workspace: root,
      executor: ownIdentity(),
    });
    writeLease(directory, lease);
    return lease;
  };

  test('follows a cell from its start to its fault and to its end', async () => {
    beginProgress(directory, runName(root, 's'), []);
    const lease = hold();
    await keepProgress(of('s.m.a:eval'));
    expect(read().running).toMatchObject([{ cell: 's.m.a:eval', executor_pid: process.pid, worker_pid: 12 }]);
    removeLease(directory, lease.id);
    writeFault(root, 's.m.a', 'eval', { code: 'killed', message: 'x' });
    await keepProgress(of('s.m.a:eval'));
    expect(read()).toMatchObject({ cells: { failed: 1, not_started: 2 }, failed: [{ why: 'killed: x' }] });
    // Another cell's change keeps it.
    await keepProgress(of('s.m.b:eval'));
    expect(read().failed).toHaveLength(1);
    clearFault(root, 's.m.a', 'eval');
    await keepProgress(of('s.m.b:eval'));
    expect(read().failed).toEqual([]);
  });

  test('a file that is gone or torn is made anew, failed cells and all', async () => {
    writeFault(root, 's.m.a', 'eval', { code: 'killed', message: 'x' });
    await keepProgress(of('s.m.b:eval'));
    expect(read().failed).toHaveLength(1);
    writeFileSync(progressPath(root, 's'), '{"torn');
    await keepProgress(of('s.m.b:eval'));
    expect(read().failed).toHaveLength(1);
  });

  test('many writers at once leave one whole file', async () => {
    hold();
    await Promise.all(Array.from({ length: 20 }, (_, at) => keepProgress(of(`s.m.${at}:eval`))));
    expect(read().cells.running).toBe(1);
  });

  test('the ticker brings it in line with the receipts as a run begins, and once a minute', async () => {
    const lease = hold();
    const passed = { leases: [lease], state: state() };
    // As a run begins, by receipts alone: of a cell whose results are outdated, and of one that the suite has not.
    beginProgress(directory, runName(root, 's'), [
      finished('s.m.b:certify-1'),
      finished('s.m.gone:certify-1'),
    ]);
    await keepProgress(of());
    expect(read().cells).toMatchObject({ running: 1, done: 2 });
    const options = { kind: 'certify', model: 'm', reads: [], parts: [part('b')] };
    write('suites/s/m/b/project.json', {
      name: 's.m.b',
      tags: [],
      targets: { 'certify-1': { executor: './tools:cell', options } },
    });
    write('output/s/b.receipt.json', receipt('s.m.b:certify-1'));
    const lock = 'tools/python/requirements.lock';
    cpSync(join(REPOSITORY, lock), join(root, lock));
    await tickProgress(directory, passed);
    const first = read();
    expect(first.cells).toMatchObject({ running: 1, done: 0 });
    await tickProgress(directory, passed);
    expect(read()).toEqual(first);
    const record = readProgress(directory, runName(root, 's'));
    expect(record?.reconciledAt).toBeDefined();
  });

  test('what Nx restored counts, a fault that is over does not, and what failed since its receipt has failed', async () => {
    const cells = ['b', 'c', 'd'].map((name) => planned(name));
    const at = (endedAt: string) => ({
      ...{ endedAt, restored: true, outdated: false },
      ...{ runSeconds: 7, startSeconds: null },
    });
    const fault = { sentence: 'killed: x', at: '2026-01-01T00:00:10.000Z' };
    await refreshProgress(of(), cells, () =>
      Promise.resolve({
        receipts: new Map([
          ['output/s/b.receipt.json', at('2026-01-01T00:00:20.000Z')],
          ['output/s/c.receipt.json', at('2026-01-01T00:00:00.000Z')],
        ]),
        outdated: new Map(),
        faults: new Map([
          ['s.m.b:certify-1', fault],
          ['s.m.c:certify-1', fault],
        ]),
      }),
    );
    expect(read().cells).toMatchObject({ total: 3, done: 1, failed: 1, not_started: 1 });
    expect(read().failed).toEqual([{ cell: 's.m.c:certify-1', why: 'killed: x' }]);
    expect(readProgress(directory, runName(root, 's'))?.seconds).toEqual({ 'm/certify': [7] });
  });

  test('of something that is no generated suite nothing is written', async () => {
    await keepProgress({ ...of(), suite: 'other' });
    expect(() => readFileSync(progressPath(root, 'other'))).toThrow('ENOENT');
  });
});
