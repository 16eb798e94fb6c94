import { expect, test } from 'vitest';
import { saidByVerdict } from '../tools/plugin.js';

type Results = Parameters<typeof saidByVerdict>[0];

const result = (
  id: string,
  times: { startTime?: number; endTime?: number },
  rest: { status?: string; terminalOutput?: string } = {},
) => {
  const [project = '', target = ''] = id.split(':');
  const task = { id, target: { project, target }, overrides: {}, outputs: [], parallelism: true, ...times };
  return { task, code: 0, status: 'success', ...rest };
};
const of = (...results: ReturnType<typeof result>[]): Results =>
  Object.fromEntries(results.map((one) => [one.task.id, one])) as unknown as Results;

const CELL = result('s.m.baseline:setup', { startTime: 1, endTime: 5 });
// As Nx has them: one that gathers ends after all that it gathers, the verdict too.
const GATHERING = result('s:certify', { startTime: 7, endTime: 8 });
const CELLS = new Set(['s.m.baseline:setup', 's.m.x:certify-1']);
const VERDICT = result('s:verdict', { startTime: 6, endTime: 7 }, { terminalOutput: 's: PHASE0\n  x\n\n' });

test('what the run’s own verdict said, made after everything else of its suite', () => {
  expect(saidByVerdict(of(CELL, GATHERING, VERDICT), 's', CELLS)).toBe('s: PHASE0\n  x');
  const elsewhere = result('other.m.baseline:setup', { startTime: 1, endTime: 9 });
  expect(saidByVerdict(of(CELL, VERDICT, elsewhere), 's', CELLS)).toBe('s: PHASE0\n  x');
  expect(saidByVerdict(of(CELL, VERDICT, elsewhere), 'other', CELLS)).toBeUndefined();
});

test('else the verdict is made', () => {
  expect(saidByVerdict(of(CELL), 's', CELLS)).toBeUndefined();
  expect(saidByVerdict(of(CELL, { ...VERDICT, status: 'failure' }), 's', CELLS)).toBeUndefined();
  expect(saidByVerdict(of(CELL, { ...VERDICT, status: 'skipped' }), 's', CELLS)).toBeUndefined();
  expect(saidByVerdict(of(CELL, { ...VERDICT, terminalOutput: '' }), 's', CELLS)).toBeUndefined();
  const later = result('s.m.x:certify-1', { startTime: 6, endTime: 8 });
  expect(saidByVerdict(of(CELL, later, VERDICT), 's', CELLS)).toBeUndefined();
});
