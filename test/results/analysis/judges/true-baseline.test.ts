// The guards as judges, prepared on the true baseline: on files made by hand, and in a run where their cells failed.
import { describe, expect, test } from 'vitest';
import { analyse } from '../../../../tools/results/analysis/analyse.js';
import { guardsSchema } from '../../../../tools/results/read/schema.js';
import type { VerdictPlan } from '../../../../tools/results/read/expected.js';
import { finishedLine, verdictText } from '../../../../tools/results/outputs/text/verdict-text.js';
import { content, filesOf, planOf } from '../../builders.js';
import { says, subject } from './variants.js';

interface Made {
  passed?: boolean;
  fate?: string;
  /** z of three matrices, whose cap is 4. */
  z?: number[];
  caps?: number;
  edge?: Record<string, number>;
}

function guards({ passed = true, fate = 'ran', z = [1, -2, 3], caps = 1, edge = { ffn: 2 } }: Made): unknown {
  const of = { fate, passed };
  return {
    schema: 1,
    guards: {
      spectral: {
        ...of,
        measures: {
          max_caps: caps,
          sigma_quantile: 0.95,
          family_caps: { ffn: { kappa: 4 } },
          z_scores: Object.fromEntries(z.map((value, at) => [`m${at}`, value])),
          families: Object.fromEntries(z.map((_, at) => [`m${at}`, 'ffn'])),
        },
      },
      rmt: {
        ...of,
        measures: {
          edge_risk_by_family_base: { ffn: 2, embed: 0 },
          edge_risk_by_family: edge,
          epsilon_by_family: { ffn: 0.25 },
        },
      },
    },
  };
}

function answer(guard: string, made: Made) {
  const trueBaseline = { ok: true, value: guardsSchema.parse(guards(made)) } as const;
  return says(`invarlock-true-baseline-${guard}`, subject({ trueBaseline }));
}

describe('what a guard says is its own; how far it is beyond its limit is the score', () => {
  test.each<[string, Made, string, number | null]>([
    // With one cap allowed, the second largest of |z| ÷ cap decides.
    ['spectral', { z: [1, -2, 8] }, 'passed', -0.5],
    ['spectral', { z: [-6, 2, 8], passed: false }, 'flagged', 0.5],
    ['spectral', { z: [-6, 2, 8], passed: false, caps: 5 }, 'flagged', 0],
    // Chosen among many tests, what is beyond its cap may still pass.
    ['spectral', { z: [-6, 2, 8] }, 'passed', 0],
    ['spectral', { z: [NaN, NaN, 1], passed: false }, 'flagged', Infinity],
    ['spectral', { z: [] }, 'undecided', null],
    ['spectral', { z: [], passed: false }, 'flagged', 0],
    ['rmt', { edge: { ffn: 2 } }, 'passed', -0.2],
    ['rmt', { edge: { ffn: 5 }, passed: false }, 'flagged', 1],
    ['rmt', { edge: { ffn: NaN } }, 'passed', 0],
    // It takes what it could not measure for zero, and passes.
    ['rmt', { edge: {} }, 'passed', -1],
    ['rmt', { fate: 'errored: by an exception: SVD did not converge' }, 'undecided', null],
  ])('%s of %j', (guard, made, judgement, score) => {
    const said = answer(guard, made);
    expect(said.judgement).toBe(judgement);
    if (score === null || !Number.isFinite(score)) expect(said.score).toBe(score);
    else expect(said.score).toBeCloseTo(score, 12);
    expect(said.margin).toBe(said.score === null ? null : 0 - said.score);
    expect(said.because).not.toBe('');
  });

  test('nothing measured is undecided, and says why', () => {
    expect(says('invarlock-true-baseline-rmt', subject())).toMatchObject({
      judgement: 'undecided',
      because: 'not measured',
    });
  });
});

describe('in a run', () => {
  const path = 'output/s/m/judges/true-baseline/a_clean';
  const plain = planOf({});
  const asked: VerdictPlan = {
    ...plain,
    judges: ['invarlock', 'perplexity', 'invarlock-true-baseline'],
    cells: [
      ...plain.cells,
      {
        ...{ id: 's.m.a_clean:guards', kind: 'guards', model: 'm' },
        parts: [
          {
            ...{ name: 'guards', spec: {}, receipt: `${path}/receipt.json` },
            writes: [{ file: 'guards.json', path: `${path}/guards.json` }],
          },
        ],
      },
    ],
  };
  const whole = (): ReturnType<typeof filesOf> =>
    filesOf(asked).set(`${path}/guards.json`, content(guards({ passed: false, edge: { ffn: 5 } })));
  const rmt = ({ judges }: ReturnType<typeof analyse>) =>
    judges.find(({ judge }) => judge === 'invarlock-true-baseline-rmt');

  test('the guards’ cells are read, and are their cost', () => {
    const analysis = analyse(asked, whole());
    expect(analysis.complete).toBe(true);
    expect(rmt(analysis)?.answers[0]).toMatchObject({ variant: 'a_clean', judgement: 'flagged', score: 1 });
    expect(rmt(analysis)?.answers[1]).toMatchObject({ judgement: 'undecided', because: 'not measured' });
    expect(rmt(analysis)?.reads).toEqual(['calibrate', 'preset', 'guards']);
  });

  test.each<[string, (files: ReturnType<typeof filesOf>) => void, string, string]>([
    ['failed', (files) => files.delete(`${path}/receipt.json`), 'failed', 'failed: no memory'],
    ['left no file', (files) => files.delete(`${path}/guards.json`), 'absent', 'absent: the file does not'],
    [
      'left another file',
      (files) => files.set(`${path}/guards.json`, content({ schema: 1, guards: {} })),
      '',
      'unreadable: guards.spectral',
    ],
    [
      'left half a file',
      (files) => files.set(`${path}/guards.json`, { ok: false, detail: 'not JSON' }),
      'unreadable',
      'unreadable: not JSON',
    ],
  ])('a cell that %s hides no other judge’s result', (_, spoil, reason, because) => {
    const files = whole();
    spoil(files);
    const faults = new Map(reason === 'failed' ? [['s.m.a_clean:guards', 'no memory']] : []);
    const analysis = analyse(asked, files, { faults });
    const before = analyse(asked, whole());
    expect(analysis.complete).toBe(true);
    expect(analysis.phase0).toEqual(before.phase0);
    expect(analysis.finding).toEqual(before.finding);
    expect(analysis.judges.slice(0, 4)).toEqual(before.judges.slice(0, 4));
    expect(rmt(analysis)?.answers[0]?.judgement).toBe('undecided');
    expect(rmt(analysis)?.answers[0]?.because).toContain(because);
    // It is told all the same.
    expect(analysis.missing.map((one) => one.reason)).toEqual(reason === '' ? [] : [reason]);
    const told = verdictText(analysis, []);
    if (reason === 'failed')
      expect(told).toContain('10 of 11 cells finished; 1 of judges beside InvarLock is left');
    else expect(told).toContain('All 11 cells finished.');
  });

  test('a cell whose results stand, though it failed when it was tried again, is not counted as finished', () => {
    const faults = new Map([['s.m.a_clean:guards', 'no memory']]);
    const analysis = analyse(asked, whole(), { faults });
    expect(analysis.complete).toBe(true);
    expect(rmt(analysis)?.answers[0]?.judgement).toBe('flagged');
    const line = finishedLine(analysis);
    expect(line).toBe('10 of 11 cells finished; 1 failed when tried again, and earlier results of it stand');
    expect(verdictText(analysis, []).replace(/\s+/g, ' ')).toContain(`${line}.`);
  });

  test('whatever else is missing keeps the verdict open', () => {
    const files = whole();
    files.delete('output/s/m/certificates/a_clean/run_1/receipt.json');
    expect(analyse(asked, files).complete).toBe(false);
  });
});
