import { mkdtempSync, readFileSync, rmSync, utimesSync, mkdirSync, writeFileSync } from 'node:fs';
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
import { keepProgress, progressPath, tickProgress } from '../../../tools/execution/progress/keep-progress.js';
import {
  progressFileSchema,
  progressOf,
  type ProgressFacts,
} from '../../../tools/execution/progress/progress.js';
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
  const { total, ...counts } = file.cells;
  expect(Object.values(counts).reduce((sum, one) => sum + one, 0)).toBe(total);
});

test('a record is brought in line with the receipts, except for what ended since they were read', () => {
  const finished = (cell: string) => ({ cell, model: 'm', kind: 'eval' as const, seconds: 5 });
  const record = (...cells: string[]) => ({ run: 'r', done: { m: cells }, total: { m: 9 }, seconds: {} });
  // `gone` has lost its receipt, `new` came from Nx's cache, `late` ended after the receipts were read.
  const next = reconciled(record('kept', 'gone', 'late'), record('kept', 'gone'), [
    finished('kept'),
    finished('new'),
  ]);
  expect(next.done).toEqual({ m: ['kept', 'late', 'new'] });
  expect(next.seconds).toEqual({ 'm/eval': [5] });
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

  test('the ticker writes it when it is a minute old, and counts what Nx restored', async () => {
    const lease = hold();
    const passed = { leases: [lease], state: state() };
    await tickProgress(directory, passed);
    const first = read();
    expect(first.cells).toMatchObject({ running: 1, done: 0 });
    write('output/s/m/evals/b.receipt.json', { cell: 's.m.b:certify-1', runSeconds: 7 });
    await tickProgress(directory, passed);
    expect(read()).toEqual(first);
    const old = Date.now() / 1_000 - 61;
    utimesSync(progressPath(root, 's'), old, old);
    await tickProgress(directory, passed);
    expect(read().cells).toMatchObject({ running: 1, done: 1 });
    expect(readProgress(directory, runName(root, 's'))?.seconds).toEqual({ 'm/certify': [7] });
  });

  test('of something that is no generated suite nothing is written', async () => {
    await keepProgress({ ...of(), suite: 'other' });
    expect(() => readFileSync(progressPath(root, 'other'))).toThrow('ENOENT');
  });
});
