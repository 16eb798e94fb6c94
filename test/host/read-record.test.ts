// A record is parsed once and read anew after every change, whatever changed it.
import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { writePlain } from '../../tools/host/plain-file.js';
import { readRecord } from '../../tools/host/read-record.js';

const schema = z.object({ n: z.number() });
let root: string;
let path: string;
const past = new Date(Date.now() - 60_000);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-record-'));
  path = join(root, 'record.json');
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const read = (): unknown => readRecord(path, schema);

test('every version is read, by rename or in place, in the instant of a reading or long after', async () => {
  for (let n = 0; n < 50; n += 1) {
    if (n % 2 === 0) writePlain(path, JSON.stringify({ n: n % 10 }));
    else writeFileSync(path, JSON.stringify({ n: n % 10 }));
    expect(read()).toEqual({ ok: true, value: { n: n % 10 } });
    expect(read()).toEqual({ ok: true, value: { n: n % 10 } });
    // Some are read once more when they have settled, and are known from then on.
    if (n % 10 === 0) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(read()).toEqual(read());
    }
  }
});

test('a record that is unchanged is the same object', async () => {
  writePlain(path, '{"n":1}');
  await new Promise((resolve) => setTimeout(resolve, 150));
  const [first, second] = [readRecord(path, schema), readRecord(path, schema)];
  expect(first.ok && second.ok && first.value === second.value).toBe(true);
});

test('times set back by hand do not hide a change', async () => {
  writePlain(path, '{"n":1}');
  utimesSync(path, past, past);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(read()).toEqual({ ok: true, value: { n: 1 } });
  writeFileSync(path, '{"n":2}');
  utimesSync(path, past, past);
  expect(read()).toEqual({ ok: true, value: { n: 2 } });
});

test('what is damaged, replaced by a link or gone after it was known is told', async () => {
  writePlain(path, '{"n":1}');
  await new Promise((resolve) => setTimeout(resolve, 150));
  read();
  writeFileSync(path, '{"n":');
  expect(read()).toMatchObject({ ok: false, error: { reason: 'damaged' } });
  rmSync(path);
  expect(read()).toEqual({ ok: false, error: { reason: 'gone' } });
  symlinkSync('elsewhere', path);
  expect(read()).toMatchObject({ ok: false, error: { reason: 'damaged', message: 'is a symbolic link' } });
});
