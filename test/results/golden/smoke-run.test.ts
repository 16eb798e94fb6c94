// Golden files: what a real smoke run gives, byte for byte. A change here is a change of what people and machines read.
import { expect, test } from 'vitest';
import { renderVerdict } from '../../../tools/results/write.js';
import { smokeFiles, smokeFindings } from './smoke-run.js';

test('the analysis, verdict, summary and JUnit of a real smoke run', async () => {
  const rendered = renderVerdict(smokeFindings());
  const own = [...rendered].filter(([path]) => /\/(analysis|reports)\//.test(path));
  expect(own).toHaveLength(16);
  for (const [path, text] of own) {
    await expect(text).toMatchFileSnapshot(`./${path.slice(path.lastIndexOf('/') + 1)}.golden`);
  }
});

test('the same files give the same bytes', () => {
  const reversed = new Map([...smokeFiles()].reverse());
  expect([...renderVerdict(smokeFindings(reversed))]).toEqual([...renderVerdict(smokeFindings())]);
});

test('half of the run is no verdict, and names every cell that is missing', () => {
  const half = new Map([...smokeFiles()].filter(([path]) => !path.includes('tiny-moe')));
  const { analysis } = smokeFindings(half);
  expect(analysis.complete).toBe(false);
  const missing = new Set(analysis.missing.map(({ cell }) => cell));
  expect(missing.size).toBe(analysis.cells.total - analysis.cells.finished);
  for (const cell of missing) expect(cell).toContain('tiny-moe');
});
