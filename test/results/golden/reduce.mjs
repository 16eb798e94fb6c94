// Makes smoke-run.json: what the analysis reads of a finished smoke run, in one file. After a real run:
//   node test/results/golden/reduce.mjs && npx vitest run test/results/golden -u
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificateSchema } from '../../../tools/dist/results/read/schema.js';
import { parseTolerantJson } from '../../../tools/dist/results/read/json.js';
import { expectedResults } from '../../../tools/dist/results/read/expected.js';
import { readGeneratedSuite } from '../../../tools/dist/suite/nx/generated.js';

const root = process.argv[2] ?? process.cwd();
const { variants, cells } = readGeneratedSuite(root, 'smoke');
const plan = {
  suite: 'smoke',
  variants: variants.filter(({ class: name }) => name !== 'edits'),
  cells: cells.map(({ id, kind, model, sizeClass, parts }) => ({ id, kind, model, sizeClass, parts })),
};
const expected = expectedResults(plan);
const files = {};
const keep = (path, reduce = (value) => value) => {
  const value = parseTolerantJson(readFileSync(join(root, path), 'utf8'));
  files[path] = reduce(value);
};
for (const { receipt } of expected.parts) keep(receipt, (value) => ({ ...value, reads: {}, results: {} }));
for (const { path, outcomes } of expected.evaluations) {
  keep(path, ({ benchmarks }) => ({ benchmarks }));
  if (outcomes !== null) files[outcomes] = { parquet: readFileSync(join(root, outcomes), 'base64') };
}
for (const { path } of expected.calibrations) keep(path);
for (const { path } of expected.makings)
  keep(path, (value) => ('totals' in value ? { totals: value.totals } : {}));
for (const { outcome, certificate } of expected.certificates) {
  keep(outcome);
  keep(certificate, reduceCertificate);
}

/** Only what the schema names; figures that are none are marked, since the file is strict JSON. */
function reduceCertificate(value) {
  return only(certificateSchema, value);
}

function only(schema, value) {
  let inner = schema;
  while (inner.def.innerType !== undefined) inner = inner.def.innerType;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const { shape, valueType } = inner.def;
  if (shape === undefined && valueType === undefined) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => shape === undefined || key in shape)
      .map(([key, field]) => [key, only(shape === undefined ? valueType : shape[key], field)]),
  );
}

const text = JSON.stringify({ plan, files }, (_key, value) =>
  typeof value === 'number' && !Number.isFinite(value) ? { number: String(value) } : value,
);
writeFileSync(join(import.meta.dirname, 'smoke-run.json'), `${text}\n`);
console.log(`${Object.keys(files).length} files, ${(text.length / 1024).toFixed(0)} KiB`);
