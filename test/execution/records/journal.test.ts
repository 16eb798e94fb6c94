import { execa } from 'execa';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readFaultLog, type FaultRecord } from '../../../tools/execution/records/fault-log.js';
import { Journal } from '../../../tools/execution/records/journal.js';
import { DIST } from '../../support/repository.js';

const RECORD: FaultRecord = {
  at: '2026-01-01T00:00:00.000Z',
  cell: 's.m.v:eval',
  attempt: 1,
  code: 'unavailable',
  class: 'transient',
  message: 'no answer',
  log: 'output/s/logs/m/v/eval/attempt-1/log.txt',
  gpus: [3],
  again: true,
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-journal-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('many processes append at once, and every record is whole', async () => {
  const module = join(DIST, 'execution/records/journal.js');
  const script = `import { Journal } from ${JSON.stringify(module)};
    const journal = new Journal(${JSON.stringify(root)}, 's');
    for (let n = 0; n < 200; n += 1) journal.error({ ...${JSON.stringify(RECORD)}, attempt: n, message: 'x'.repeat(n * 20) });`;
  await Promise.all([1, 2, 3, 4].map(() => execa(process.execPath, ['--input-type=module', '-e', script])));
  const errors = readFaultLog(root, 's').faults;
  expect(errors).toHaveLength(800);
  expect(new Set(errors.map(({ attempt }) => attempt)).size).toBe(200);
});

test('a torn line costs itself only', () => {
  const journal = new Journal(root, 's');
  journal.error(RECORD);
  appendFileSync(join(root, 'output/s/state/errors.json'), '{"at": "2026-');
  journal.error({ ...RECORD, attempt: 2 });
  expect(readFaultLog(root, 's').faults.map(({ attempt }) => attempt)).toEqual([1, 2]);
});

test('what a GPU and the run do stands in their logs, without secrets; a log that cannot be written ends nothing', () => {
  const journal = new Journal(root, 's');
  journal.gpus([0, 7], 's.m.v:eval', 'attempt 1 begins');
  journal.main('s.m.v:eval', 'token hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345\nand more');
  expect(readFileSync(join(root, 'output/s/logs/gpu_7.log'), 'utf8')).toMatch(
    /^\d{4}-\S+Z s\.m\.v:eval: attempt 1 begins\n$/,
  );
  const main = readFileSync(join(root, 'output/s/logs/main.log'), 'utf8');
  expect(main).toMatch(/token \*+ and more\n$/);
  mkdirSync(join(root, 'output/t'), { recursive: true });
  writeFileSync(join(root, 'output/t/logs'), 'a file in the way');
  new Journal(root, 't').main('t.m.v:eval', 'x');
});
