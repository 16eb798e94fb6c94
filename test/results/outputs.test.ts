// Every analysis file is what its schema says, whatever of a run is there; the committed JSON Schemas are those.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { plain } from '../../tools/base/text/plain-text.js';
import type { FileContent } from '../../tools/results/read/files.js';
import { csvTable, parseCsv } from '../../tools/results/outputs/tables/csv.js';
import { cellRecords } from '../../tools/results/read/records.js';
import { memoryRows } from '../../tools/results/analysis/memory.js';
import { outputPaths, OUTPUTS } from '../../tools/results/outputs/index.js';
import { notificationSchema } from '../../tools/monitoring/notify/event.js';
import { jsonSchemas } from '../../tools/results/outputs/json-schemas.js';
import { renderVerdict } from '../../tools/results/write.js';
import { formatJson } from '../../tools/suite/nx/format-json.js';
import { content, filesOf, findingsOf, planOf } from './builders.js';
import { REPOSITORY } from '../support/repository.js';

const SCHEMAS = join(REPOSITORY, 'docs', 'schemas');
const plan = planOf({
  models: ['m', 'other'],
  edits: { a_clean: 'clean', b_stress: 'stress' },
  runs: 2,
  nulls: 2,
  errors: ['nan_injection', 'zero_layer'],
});
const NAN = { flags: { invariants_pass: false }, ratio: NaN, ci: null };

/** As a reader of CSV gets it: numbers, booleans and empty fields told from text. */
function typed(text: string): string | number | boolean | null {
  if (text === '') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?(e[-+]?\d+)?$/.test(text) ? Number(text) : text;
}

function expectValid(files: ReadonlyMap<string, FileContent>): void {
  const findings = findingsOf(plan, files);
  const memory = memoryRows(
    plan.cells.map(({ id, model, kind }) => ({
      ...{ cell: id, model, kind, sizeClass: '7b', requiredGiB: 16.94, gpus: 1, basis: 'size class' },
    })) as never,
    findings.cells,
  );
  const rendered = renderVerdict({ ...findings, memory });
  for (const [name, path] of Object.entries(outputPaths('s'))) {
    const schema: z.ZodType | null = OUTPUTS[name as keyof typeof OUTPUTS].schema;
    const text = rendered.get(path) ?? '';
    if (schema === null) continue;
    const values = path.endsWith('.csv')
      ? parseCsv(text).map((row) =>
          Object.fromEntries(Object.entries(row).map(([key, field]) => [key, typed(field)])),
        )
      : [JSON.parse(text) as unknown];
    if (path.endsWith('.csv')) expect(values.length, path).toBeGreaterThan(0);
    for (const value of values) expect(schema.safeParse(value).error, path).toBeUndefined();
  }
}

describe('files and their schemas', () => {
  const whole = filesOf(plan, {
    accuracy: { 'm/b_stress/city': 0.2 },
    certificates: { 'm/error_nan_injection/1': NAN, 'm/a_clean/2': { flags: { rmt_stable: undefined } } },
  });

  test('of a whole run', () => {
    expectValid(whole);
  });

  test('of nothing at all', () => {
    expectValid(new Map());
  });

  test('of any part of a run, torn files and NaN included', () => {
    const paths = [...whole.keys()];
    fc.assert(
      fc.property(fc.subarray(paths), fc.subarray(paths), (gone, torn) => {
        const files = new Map<string, FileContent>(whole);
        for (const path of torn) files.set(path, { ok: false, detail: 'not JSON: <torn> & "quoted"' });
        for (const path of gone) files.delete(path);
        expectValid(files);
      }),
      { numRuns: 25 },
    );
  });

  test('are committed: npm run schemas', () => {
    const schemas = jsonSchemas([{ path: 'notification.json', schema: notificationSchema }]);
    expect(readdirSync(SCHEMAS).sort()).toEqual([...schemas.keys()].sort());
    for (const [name, schema] of schemas) {
      expect(readFileSync(join(SCHEMAS, name), 'utf8'), name).toBe(formatJson(schema));
    }
  });
});

test('CSV is read as it is written', () => {
  // Without what is shown in notation or made text: control-characters.test.ts.
  const field = fc
    .string({ unit: 'binary' })
    .map(plain)
    .filter((text) => !/^\s*[=+\-@]/.test(text));
  fc.assert(
    fc.property(fc.array(fc.tuple(field, field), { maxLength: 5 }), (rows) => {
      expect(parseCsv(csvTable(['a', 'b'], rows))).toEqual(rows.map(([a, b]) => ({ a, b })));
    }),
  );
  expect(() => parseCsv('a,b\r\n1\r\n')).toThrow('record 1 has 1 fields, the header has 2');
  expect(() => parseCsv('a\r\n"x"y\r\n')).toThrow('a quote');
  expect(parseCsv('')).toEqual([]);
});

describe('records of runs', () => {
  const receipt = {
    schema: 1,
    fingerprint: 'f',
    ...{ startedAt: '2026-01-01T00:01:00.000Z', endedAt: '2026-01-01T00:03:00.000Z' },
    ...{ waitSeconds: 60, runSeconds: 120, gpus: ['GPU-1'] },
  };
  const one = planOf({ edits: {}, errors: [] });
  const path = one.cells.find(({ kind }) => kind === 'setup')?.parts[0]?.receipt ?? '';

  test('are of receipts that say when; figures they lack are null', () => {
    const files = filesOf(one);
    expect(cellRecords(one, files)).toEqual([]);
    files.set(path, content(receipt));
    expect(cellRecords(one, files)).toMatchObject([
      { cell: 's.m.baseline:setup', runSeconds: 120, peakRssBytes: null, gpuHeldSeconds: null, attempts: [] },
    ]);
  });

  test('take the tries of a cell as an earlier or a later version has them', () => {
    const attempts = [
      { number: 1, log: 'l1', exitCode: 137, cause: 'out_of_memory', changed: { batch_size: 4 } },
      { number: 2, log: 'l2', startedAt: '2026-01-01T00:02:00.000Z', more: [] },
    ];
    const files = new Map([[path, content({ ...receipt, attempts, later: {} })]]);
    const [record] = cellRecords(one, files);
    expect(record?.attempts).toMatchObject([
      { number: 1, cause: 'out_of_memory', startedAt: null },
      { number: 2, exitCode: null, startedAt: '2026-01-01T00:02:00.000Z' },
    ]);
    const odd = new Map([[path, content({ ...receipt, attempts: 'many' })]]);
    expect(cellRecords(one, odd)[0]?.attempts).toEqual([]);
  });
});
