// Every behaviour of nvidia-smi in smi-table.ts, as a real program in front of the real reader; and docs/gpu-drivers.md
// has the same rows. UPDATE_DOCS=1 writes them there.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findNvidiaSmi } from '../../tools/host/nvidia-smi.js';
import { formatMarkdown } from '../support/format-markdown.js';
import { REPOSITORY } from '../support/repository.js';
import { decide } from './smi-rows.js';
import { SMI_TABLE } from './smi-table.js';

/** The host's own nvidia-smi would stand in for the one that a row takes away. */
const hasOwn = findNvidiaSmi() !== undefined;

test.each(SMI_TABLE.map((row) => [row.does, row] as const))('%s', { timeout: 60_000 }, async (_, row) => {
  if (hasOwn && (row.instead === 'nothing' || row.instead === 'a directory')) return;
  const hangs = /sleep (60|7)\b/.test(row.gpus.first ?? '');
  const { expected, told } = await decide(row, hangs ? 1 : 20);
  const wanted = typeof row.expected === 'string' ? row.expected : { busy: [], ...row.expected };
  expect(typeof expected === 'string' ? expected : { busy: [], ...expected }, told).toEqual(wanted);
  if (row.told !== undefined) expect(told).toContain(row.told);
  if (row.untold !== undefined) expect(told).not.toContain(row.untold);
});

test('WSL has it where its PATH does not lead', () => {
  expect(findNvidiaSmi('/nowhere', ['/nowhere/else'])).toBeUndefined();
  expect(findNvidiaSmi('/nowhere', [join(REPOSITORY, 'test/support/lease')])).toBeUndefined();
});

test('docs/gpu-drivers.md has the table', async () => {
  const path = join(REPOSITORY, 'docs/gpu-drivers.md');
  const text = readFileSync(path, 'utf8');
  const [before = '', , after = ''] = text.split(/<!-- table -->|<!-- end of table -->/);
  const rows = SMI_TABLE.map(({ does, decision }) => `| ${does} | ${decision} |`);
  const table = ['| nvidia-smi, or what is said of it | decision |', '| --- | --- |', ...rows].join('\n');
  const wanted = await formatMarkdown(`${before}<!-- table -->\n\n${table}\n\n<!-- end of table -->${after}`);
  if (process.env.UPDATE_DOCS === '1') writeFileSync(path, wanted);
  expect(readFileSync(path, 'utf8')).toBe(wanted);
});
