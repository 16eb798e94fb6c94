// Which cells begin before the end of an allocation, and when running ones are cut.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cutMs, lateReason, untilCut } from '../../../tools/execution/lease/deadline.js';
import { DIST } from '../../support/repository.js';

const CELL = { kind: 'certify', model: 'm', units: 2, weightsGiB: 0 } as const;
const known = (seconds: number) => ({ seconds: { 'm/certify': seconds, 'other/certify': 1 } });

test.each([
  ['measured, and it fits', 100, known(50), undefined],
  ['measured, and it does not', 99.9, known(50), 'it takes 100 s (as measured), and 99 s are left'],
  ['of another model only', 59, { seconds: { 'other/certify': 1 } }, 'it takes 60 s (estimated), and 59 s'],
  ['estimated, and it fits', 60, undefined, undefined],
  ['nothing is left', 0, known(0), 'this host is taken away'],
])('%s', (_, left, progress, expected) => {
  const reason = lateReason(left * 1_000, CELL, progress);
  if (expected === undefined) expect(reason).toBeUndefined();
  else expect(reason).toContain(expected);
});

test('a rough estimate keeps no cell waiting for an allocation that never comes; a measured time does', () => {
  const large = { ...CELL, weightsGiB: 10_000 };
  expect(lateReason(1_800_000, large, undefined)).toBeUndefined();
  expect(lateReason(1_799_000, large, undefined)).toContain('it takes 1800 s (estimated)');
  expect(lateReason(1_800_000, large, known(5_000))).toContain('it takes 10000 s (as measured)');
});

test('the signal aborts at the cut, with the run, and never without a deadline', async () => {
  const run = new AbortController();
  const settings = (ms: number) => ({
    deadline: new Date(Date.now() + 7_000 + ms).toISOString(),
    deadlineMarginSeconds: 7,
  });
  expect(untilCut({ deadline: null, deadlineMarginSeconds: 7 }, run.signal)).toBe(run.signal);
  // Further than a timer reaches.
  expect(untilCut(settings(40 * 86_400_000), run.signal)).toBe(run.signal);
  expect(cutMs({ deadline: '2030-01-01T00:00:10Z', deadlineMarginSeconds: 10 })).toBe(
    Date.parse('2030-01-01T00:00:00Z'),
  );
  const soon = untilCut(settings(100), run.signal);
  expect(soon.aborted).toBe(false);
  await new Promise((resolve) => {
    soon.addEventListener('abort', resolve);
  });
  const late = untilCut(settings(100_000), run.signal);
  run.abort();
  expect(late.aborted).toBe(true);
});

test('the signal aborts also where memory was cleaned up in between', () => {
  const script = `
    const { untilCut } = await import(${JSON.stringify(join(DIST, 'execution/lease/deadline.js'))});
    const deadline = new Date(Date.now() + 1_000).toISOString();
    const all = Array.from({ length: 20 }, () => untilCut({ deadline, deadlineMarginSeconds: 0 }, new AbortController().signal));
    for (let rounds = 0; rounds < 15; rounds += 1) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    console.log(all.filter(({ aborted }) => aborted).length);`;
  const args = ['--expose-gc', '--input-type=module', '-e', script];
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('20\n');
});
