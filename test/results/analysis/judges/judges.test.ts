// Every judge on variants made by hand: what it says, by what score, how far from its limit, and when it cannot say.
import { describe, expect, test } from 'vitest';
import { inHalf } from '../../../../tools/results/analysis/ground-truth/halves.js';
import { ask, JUDGE_TABLE } from '../../../../tools/results/analysis/judges/index.js';
import { ALL_JUDGES } from '../../../../tools/suite/model/suite.js';
import { type Change, joined } from '../ground-truth/made-outcomes.js';
import { judgeNamed, says, subject, type Run } from './variants.js';

const failing = (gate: string, ratio = 1): Exclude<Run, string> => ({ flags: { [gate]: false }, ratio });
const NAN: Run = {
  flags: { invariants_pass: false, primary_metric_acceptable: false },
  ratio: NaN,
  ci: null,
};

test('the table has every name of suite.yaml, and no two judges of one name', () => {
  expect(Object.keys(JUDGE_TABLE)).toEqual([...ALL_JUDGES]);
  const names = Object.values(JUDGE_TABLE).flatMap((some) => some.map(({ name }) => name));
  expect(names).toEqual([
    ...['invarlock', 'invarlock-invariants', 'invarlock-primary-metric'],
    ...[
      'invarlock-spectral',
      'invarlock-rmt',
      'finite',
      'perplexity-1.05',
      'perplexity-1.10',
      'perplexity-1.20',
    ],
    ...['recovery-99', 'recovery-95', 'flips', 'kl', 'weight-error', 'always', 'never', 'by-name'],
    ...[
      'invarlock-true-baseline-spectral',
      'invarlock-true-baseline-rmt',
      'invarlock-0.12',
      'invarlock-0.17',
    ],
  ]);
});

describe('invarlock', () => {
  test.each<[string, Run[], string, number | null]>([
    ['a ratio below the threshold', [{ ratio: 1.0 }], 'passed', Math.log(1 / 1.102)],
    ['a ratio above it', [failing('primary_metric_acceptable', 2)], 'flagged', Math.log(2 / 1.102)],
    [
      'a metric that fails below it, for want of tokens',
      [failing('primary_metric_acceptable')],
      'flagged',
      0,
    ],
    ['an invariant', [failing('invariants_pass')], 'flagged', Infinity],
    ['no number', [NAN], 'flagged', Infinity],
    ['a refusal', ['refused'], 'flagged', Infinity],
    ['spectral without its figures', [failing('spectral_stable')], 'flagged', 0],
    [
      'spectral two caps over a budget of five',
      [{ flags: { spectral_stable: false }, extra: { spectral: { caps_applied: 7, max_caps: 5 } } }],
      'flagged',
      0.4,
    ],
    [
      'an RMT family half beyond what is allowed',
      [
        {
          flags: { rmt_stable: false },
          extra: { rmt: { families: { ffn: { edge_cur: 1.5, allowed: 1 } } } },
        },
      ],
      'flagged',
      0.5,
    ],
    [
      'two of three runs',
      [failing('primary_metric_acceptable', 2), failing('primary_metric_acceptable', 3), {}],
      'flagged',
      Math.log(2 / 1.102),
    ],
    [
      'an even split, pooled below',
      [failing('primary_metric_acceptable', 1.15), { ratio: 1 }],
      'passed',
      Math.log(Math.sqrt(1.15) / 1.102),
    ],
    ['no certificate yet', ['missing'], 'undecided', null],
    ['a flag that is missing', [{ flags: { rmt_stable: undefined } }], 'undecided', null],
  ])('%s', (_, certificates, judgement, score) => {
    const answer = says('invarlock', subject({ certificates }));
    expect(answer.judgement).toBe(judgement);
    if (score === null || !Number.isFinite(score)) expect(answer.score).toBe(score);
    else expect(answer.score).toBeCloseTo(score, 12);
    expect(answer.margin).toBe(answer.score === null ? null : 0 - answer.score);
    expect(answer.because).not.toBe('');
  });
});

const CAPS = { spectral: { caps_applied: 7, max_caps: 5 } };
const EDGE = { rmt: { families: { ffn: { edge_cur: 0.5, allowed: 1 } } } };

test.each<[string, string, Run[], string, number | null, number | null]>([
  ['a ratio', 'primary-metric', [{ ratio: 1 }], 'passed', Math.log(1 / 1.102), -Math.log(1 / 1.102)],
  [
    'one beyond',
    'primary-metric',
    [failing('primary_metric_acceptable', 2)],
    'flagged',
    Math.log(2 / 1.102),
    -Math.log(2 / 1.102),
  ],
  ['no number', 'primary-metric', [NAN], 'flagged', Infinity, -Infinity],
  ['what another flags', 'rmt', [{ ...failing('spectral_stable', 3), extra: EDGE }], 'passed', -0.5, 0.5],
  [
    'caps beyond the budget',
    'spectral',
    [{ flags: { spectral_stable: false }, extra: CAPS }],
    'flagged',
    0.4,
    -0.4,
  ],
  // The gate is the guard's word; the figure then stands at the limit.
  ['a gate against its figures', 'spectral', [{ extra: CAPS }], 'passed', 0, 0],
  ['a gate without figures', 'rmt', [failing('rmt_stable')], 'flagged', 1, null],
  ['an invariant that holds', 'invariants', [{}], 'passed', 0, null],
  ['one that does not', 'invariants', [NAN], 'flagged', 1, null],
  ['one of two runs', 'rmt', [failing('rmt_stable'), {}], 'passed', 0, null],
  ['a flag that is missing', 'rmt', [{ flags: { rmt_stable: undefined } }], 'undecided', null, null],
  ['no certificate', 'invariants', ['missing'], 'undecided', null, null],
  ['a refusal', 'spectral', ['refused'], 'undecided', null, null],
])('a guard alone, %s (%s)', (_, name, certificates, judgement, score, margin) => {
  const answer = says(`invarlock-${name}`, subject({ certificates }));
  expect(answer.judgement).toBe(judgement);
  for (const [got, wanted] of [
    [answer.score, score],
    [answer.margin, margin],
  ] as const) {
    if (wanted === null || !Number.isFinite(wanted)) expect(got).toBe(wanted);
    else expect(got).toBeCloseTo(wanted, 12);
  }
  expect(answer.because).not.toBe('');
});

test.each<[Run[], Record<string, [string, number | null]>]>([
  [
    [{ ratio: 1.15 }],
    {
      finite: ['passed', 0],
      'perplexity-1.05': ['flagged', 1.15],
      'perplexity-1.10': ['flagged', 1.15],
      'perplexity-1.20': ['passed', 1.15],
    },
  ],
  // The limit itself is allowed.
  [[{ ratio: 1.05 }], { 'perplexity-1.05': ['passed', 1.05] }],
  // Windows of both runs together: the geometric mean.
  [
    [{ ratio: 1.0 }, { ratio: 1.21 }],
    { 'perplexity-1.05': ['flagged', 1.1], 'perplexity-1.20': ['passed', 1.1] },
  ],
  [[NAN], { finite: ['flagged', 1], 'perplexity-1.20': ['flagged', Infinity] }],
  [['refused'], { finite: ['flagged', 1], 'perplexity-1.05': ['flagged', Infinity] }],
  [[{ ratio: 1 }, 'refused'], { finite: ['flagged', 1], 'perplexity-1.10': ['flagged', Infinity] }],
  [['missing'], { finite: ['undecided', null], 'perplexity-1.10': ['undecided', null] }],
])('the ratio of %j', (certificates, wanted) => {
  for (const [name, [judgement, score]] of Object.entries(wanted)) {
    const answer = says(name, subject({ certificates }));
    expect(answer.judgement, name).toBe(judgement);
    if (score === null) expect(answer.score, name).toBeNull();
    else expect(answer.score, name).toBeCloseTo(score, 12);
  }
});

describe('answers', () => {
  const of = (name: string, change: Change) => says(name, subject({ answers: joined({ city: change }) }));

  test.each<[Change, number, string, string]>([
    [{ n: 200 }, 0, 'passed', 'passed'],
    // 100 right before: 1 lost is 1 %, which is kept 99 % exactly.
    [{ n: 200, wrong: 100, lost: 1 }, 0.01, 'passed', 'passed'],
    [{ n: 200, wrong: 100, lost: 2 }, 0.02, 'flagged', 'passed'],
    [{ n: 200, wrong: 100, lost: 6 }, 0.06, 'flagged', 'flagged'],
    [{ n: 200, wrong: 100, won: 10 }, -0.1, 'passed', 'passed'],
  ])('recovery of %j', (change, lost, at99, at95) => {
    const [strict, lax] = [of('recovery-99', change), of('recovery-95', change)];
    expect([strict.judgement, lax.judgement]).toEqual([at99, at95]);
    expect(strict.score).toBeCloseTo(lost, 12);
    expect(lax.margin).toBeCloseTo(0.05 - lost, 12);
  });

  test('flips count both ways', () => {
    expect(of('flips', { n: 200, wrong: 50, lost: 5, won: 5 })).toMatchObject({
      judgement: 'passed',
      score: 0.05,
    });
    expect(of('flips', { n: 200, wrong: 50, lost: 6, won: 5 })).toMatchObject({
      judgement: 'flagged',
      score: 0.055,
    });
  });

  test('KL is that of the choices, and infinite where answers are not finite', () => {
    expect(of('kl', { n: 100 })).toMatchObject({ judgement: 'passed', score: 0 });
    // Every item: log-likelihoods −1 and −1.5 become −2 and −1.5; both pairs are e^±.5 apart: (p − q)·.5 with p = .6225.
    const p = 1 / (1 + Math.exp(-0.5));
    const turned = of('kl', { n: 10, lost: 10 });
    expect(turned.judgement).toBe('flagged');
    expect(turned.score).toBeCloseTo(p * Math.log(p / (1 - p)) + (1 - p) * Math.log((1 - p) / p), 12);
    expect(of('kl', { n: 10, broken: true })).toMatchObject({ judgement: 'flagged', score: Infinity });
  });

  test('without answers, items, choices or a right answer nothing is said', () => {
    for (const name of ['recovery-99', 'recovery-95', 'flips', 'kl']) {
      expect(says(name, subject()), name).toMatchObject({ judgement: 'undecided', because: 'no outcomes' });
      expect(says(name, subject({ answers: [] })).judgement, name).toBe('undecided');
    }
    expect(of('recovery-99', { n: 10, wrong: 10 }).judgement).toBe('undecided');
    const free = joined({ city: { n: 4 } }).map((one) => {
      const none = { ...one.before, logLikelihoods: one.before.logLikelihoods.map(() => []) };
      return { ...one, before: none, after: none };
    });
    expect(says('kl', subject({ answers: free })).judgement).toBe('undecided');
  });

  test('halves share no item, and make the whole', () => {
    const whole = joined({ city: { n: 101 }, job: { n: 1 } });
    const [even, odd] = [inHalf(whole, 'even'), inHalf(whole, 'odd')];
    expect(even.map(({ benchmark, pairs }) => [benchmark, pairs.length])).toEqual([
      ['city', 51],
      ['job', 1],
    ]);
    // The one item of `job` has hash 0: that half of it is empty, and left out.
    expect(odd.map(({ benchmark, pairs }) => [benchmark, pairs.length])).toEqual([['city', 50]]);
    const rows = [...even, ...odd].flatMap(({ benchmark, pairs }) =>
      pairs.map(({ before }) => `${benchmark}${before}`),
    );
    expect(new Set(rows).size).toBe(102);
  });
});

test('weights, and judges that look at nothing', () => {
  expect(says('weight-error', subject({ weightError: 0.1 }))).toMatchObject({
    judgement: 'passed',
    score: 0.1,
  });
  expect(says('weight-error', subject({ weightError: 0.69 }))).toMatchObject({
    judgement: 'flagged',
    margin: 0.1 - 0.69,
  });
  expect(says('weight-error', subject())).toMatchObject({ judgement: 'undecided', score: null });
  expect(says('always', subject()).judgement).toBe('flagged');
  expect(says('never', subject()).judgement).toBe('passed');
  for (const [name, judgement] of [
    ['clean', 'passed'],
    ['stress', 'flagged'],
    ['error', 'flagged'],
    ['ladder', 'undecided'],
  ] as const) {
    expect(says('by-name', subject({ class: name })).judgement).toBe(judgement);
  }
});

test('a judge that fails has not decided, and says why', () => {
  const broken = {
    ...judgeNamed('never'),
    judge: () => {
      throw new Error('its file is torn');
    },
  };
  expect(ask(broken, subject())).toEqual({
    ...{ judgement: 'undecided', score: null, margin: null },
    because: 'the judge failed: its file is torn',
  });
});
