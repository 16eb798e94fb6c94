// InvarLock 0.12 as a judge, on outcomes made by hand.
import { expect, test } from 'vitest';
import { type Outcome012, outcome012Schema } from '../../../../tools/results/read/schema.js';
import { says, subject } from './variants.js';

const RAN = { invariants: 'ran', spectral: 'ran', rmt: 'ran', variance: 'ran' };
const PASS: Outcome012 = {
  ...{ schema: 1, status: 'certified', reason: null, guards: RAN, verdict: 'PASS', failed: [] },
  ...{ ratio: 1.02, limit: 1.102 },
};

function answer(changes: Partial<Outcome012>) {
  const value = outcome012Schema.parse({ ...PASS, ...changes });
  return says('invarlock-0.12', subject({ outcome012: { ok: true, value } }));
}

test.each<[Partial<Outcome012>, string, number | null, number | null]>([
  [{}, 'passed', 1.02, 0.082],
  [{ verdict: 'FAIL', failed: ['primary_metric_acceptable'], ratio: 12.96 }, 'flagged', 12.96, -11.858],
  // Another gate decides: the ratio stands at its limit, on the side of the verdict.
  [{ verdict: 'FAIL', failed: ['rmt_stable'] }, 'flagged', 1.102, 0],
  [{ verdict: 'PASS', ratio: 1.2 }, 'passed', 1.102, 0],
  [{ verdict: 'FAIL', failed: ['primary_metric_acceptable'], ratio: null }, 'flagged', Infinity, -Infinity],
  [
    { status: 'refused', verdict: null, reason: 'its numbers', guards: {}, ratio: null, limit: null },
    ...(['flagged', Infinity, -Infinity] as const),
  ],
  [{ ratio: null }, 'undecided', null, null],
  [{ guards: { ...RAN, rmt: 'errored: by an exception: broken' } }, 'undecided', null, null],
  [{ guards: { ...RAN, variance: 'not_ready: it found nothing to prepare' } }, 'passed', 1.02, 0.082],
])('%j is %s', (changes, judgement, score, margin) => {
  const said = answer(changes);
  expect(said).toMatchObject({ judgement, score });
  if (margin === null || !Number.isFinite(margin)) expect(said.margin).toBe(margin);
  else expect(said.margin).toBeCloseTo(margin, 12);
});

test('it says why', () => {
  const failed = ['primary_metric_acceptable', 'spectral_stable'];
  expect(answer({ verdict: 'FAIL', failed, ratio: 3 }).because).toBe(
    'ratio 3.0000; primary_metric_acceptable, spectral_stable',
  );
  expect(answer({ guards: { ...RAN, rmt: 'errored: x' } }).because).toBe('rmt errored: x');
  const refused = { status: 'refused', verdict: null, reason: 'its numbers' } as const;
  expect(answer(refused).because).toBe('refused: its numbers');
});

test('what is no outcome is none, and without one it is undecided', () => {
  expect(says('invarlock-0.12', subject())).toMatchObject({
    judgement: 'undecided',
    because: 'not measured',
  });
  expect(outcome012Schema.safeParse({ ...PASS, verdict: null }).success).toBe(false);
  expect(outcome012Schema.safeParse({ ...PASS, status: 'refused' }).success).toBe(false);
  expect(outcome012Schema.safeParse({ ...PASS, verdict: 'MAYBE' }).success).toBe(false);
});
