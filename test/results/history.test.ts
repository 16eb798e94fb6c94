import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { historyPath, noteFinding, readHistory } from '../../tools/results/outputs/history.js';
import { makeReport, reportPath } from '../../tools/results/report/make-report.js';
import { filesOf, findingsOf, planOf } from './builders.js';

const plan = planOf({
  suite: 's',
  models: ['m'],
  edits: { a_clean: 'clean', b_stress: 'stress' },
  errors: ['nan_injection'],
  runs: 1,
});
const findings = (flagged: boolean): ReturnType<typeof findingsOf> =>
  findingsOf(
    plan,
    filesOf(plan, {
      accuracy: { 'm/b_stress/city': 0.2 },
      certificates: { 'm/b_stress/1': { flags: { primary_metric_acceptable: !flagged }, ratio: 3 } },
    }),
  );

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-history-'));
  mkdirSync(dirname(join(root, historyPath('s'))), { recursive: true });
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('a line for each complete run that says something else than the one before', () => {
  const [flagged, missed] = [findings(true), findings(false)];
  expect(flagged.analysis.complete).toBe(true);
  expect(noteFinding(root, flagged)).toBeUndefined();
  expect(noteFinding(root, flagged)).toBeUndefined();
  expect(readHistory(root, 's')).toHaveLength(1);
  expect(noteFinding(root, missed)).toMatchObject({ sensitivity: { hits: 1, of: 1 } });
  expect(noteFinding(root, flagged)).toMatchObject({ sensitivity: { hits: 0, of: 1 } });
  expect(readHistory(root, 's').map(({ sensitivity }) => sensitivity.hits)).toEqual([1, 0, 1]);
});

test('an unfinished run leaves none', () => {
  const files = [...filesOf(plan, {})].filter(([path]) => !path.includes('a_clean'));
  const part = findingsOf(plan, new Map(files));
  expect(part.analysis.complete).toBe(false);
  noteFinding(root, part);
  expect(existsSync(join(root, historyPath('s')))).toBe(false);
});

test('a line that was cut short spoils no other', () => {
  noteFinding(root, findings(true));
  appendFileSync(join(root, historyPath('s')), '{"at": "2026-');
  noteFinding(root, findings(false));
  expect(readHistory(root, 's').map(({ sensitivity }) => sensitivity.hits)).toEqual([1, 0]);
});

test('the report shows them, the newest first, and is not made again for nothing', async () => {
  noteFinding(root, findings(true));
  await makeReport(root, findings(true), plan.cells);
  const read = (): string => readFileSync(join(root, reportPath('s')), 'utf8');
  expect(read()).not.toContain('id="history"');
  noteFinding(root, findings(false));
  expect((await makeReport(root, findings(false), plan.cells)).changed).toBe(true);
  expect(read()).toMatch(/id="history"[^]*0 of 1[^]*1 of 1/);
  expect((await makeReport(root, findings(false), plan.cells)).changed).toBe(false);
});
