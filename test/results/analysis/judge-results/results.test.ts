// Judges side by side: whose labels measure whom, what a broken judge costs the others, what the sentence says.
import { afterEach, expect, test, vi } from 'vitest';
import { analyse } from '../../../../tools/results/analysis/analyse.js';
import { costOf } from '../../../../tools/results/analysis/judge-cost.js';
import { besideInvarlock } from '../../../../tools/results/analysis/judge-results/results.js';
import { JUDGE_TABLE } from '../../../../tools/results/analysis/judges/index.js';
import type { CellRecord } from '../../../../tools/results/read/records.js';
import { renderVerdict } from '../../../../tools/results/write.js';
import { beyondSentence } from '../../../../tools/results/outputs/text/judges-text.js';
import type { Outcomes } from '../../../../tools/results/read/outcome-table.js';
import { arm } from '../ground-truth/made-outcomes.js';
import { content, filesOf, findingsOf, planOf } from '../../builders.js';
import { judgeNamed } from '../judges/variants.js';

const EDITS = Object.fromEntries(
  Array.from({ length: 12 }, (_, at) => [
    `e${String(at + 1).padStart(2, '0')}_${at < 6 ? 'clean' : 'stress'}`,
    at < 6 ? ('clean' as const) : ('stress' as const),
  ]),
);
const plan = planOf({ edits: EDITS, errors: ['nan_injection'], benchmarks: ['city'] });
const names = Object.keys(EDITS);
const bad = { flags: { primary_metric_acceptable: false }, ratio: 3 };
/** Six harmless edits and six that lose 5 to 30 points; InvarLock flags the last five, one of the first, and the error. */
const files = filesOf(plan, {
  n: 1000,
  accuracy: Object.fromEntries(
    names.map((name, at) => [`m/${name}/city`, at < 6 ? 0.9 : 0.9 - 0.05 * (at - 5)]),
  ),
  certificates: {
    ...Object.fromEntries(names.slice(7).map((name) => [`m/${name}/1`, bad])),
    'm/e01_clean/1': { flags: { rmt_stable: false } },
    'm/e07_stress/1': { ratio: 1.08 },
    'm/error_nan_injection/1': { flags: { invariants_pass: false }, ratio: NaN, ci: null },
  },
});

afterEach(() => {
  vi.restoreAllMocks();
});

test('rates, area, false alarms and the paired test of each judge', () => {
  const { judges, finding, beyond } = analyse(plan, files);
  const of = (name: string) => judges.find(({ judge }) => judge === name);
  // InvarLock's are those of the finding.
  expect(of('invarlock')).toMatchObject({
    labels: 'all',
    counts: { flagged: 7, passed: 6, undecided: 0 },
    sensitivity: finding.sensitivity,
    specificity: finding.specificity,
    beside: null,
  });
  expect(finding.sensitivity).toMatchObject({ hits: 5, of: 6 });
  expect(finding.specificity).toMatchObject({ hits: 5, of: 6 });
  // Its score: the edit that RMT flags stands above that of ratio 1.08, at the threshold: 35 of 36 pairs in order.
  expect(of('invarlock')?.auc).toMatchObject({ value: 35 / 36, harmful: 6, harmless: 6 });
  expect(of('invarlock')?.falseAlarmsAt80).toMatchObject({ hits: 0, of: 6 });
  // A ratio of 1.05 sees all six and raises no alarm: twice right where InvarLock is not.
  expect(of('perplexity-1.05')).toMatchObject({
    sensitivity: { hits: 6, of: 6 },
    specificity: { hits: 6, of: 6 },
    auc: { value: 1 },
    beside: { n: 13, alike: 11, onlyOne: 0, onlyOther: 2, p: expect.closeTo(0.5, 9) as number },
  });
  expect(of('never')).toMatchObject({
    sensitivity: { hits: 0, of: 6 },
    nonFiniteDetection: { hits: 0, of: 1 },
    auc: { value: 0.5 },
    falseAlarmsAt80: { hits: 6, of: 6 },
    // Right of 13: InvarLock 11, never 6; they differ in the six it flags rightly and the one it does not.
    beside: { n: 13, onlyOne: 6, onlyOther: 1, p: expect.closeTo(2 * (8 / 128), 9) as number },
  });
  const adjusted = judges.flatMap(({ beside }) => beside ?? []);
  for (const { p, holmP } of adjusted) expect(holmP).toBeGreaterThanOrEqual(p);
  expect(beyond).toMatchObject({ threshold: 'perplexity-1.10', n: 13, onlyOne: 0, onlyOther: 1, p: 1 });
  expect(beyondSentence({ beyond })).toMatch(
    /^beyond a threshold \(perplexity ratio above 1\.10, or no number\) InvarLock adds nothing that is sure: of 13 variants it alone judged 0 rightly, the threshold alone 1 \(p = 1\.0000\); its share of right judgements differs by -7\.7 points \(-3\d\.\d to \+1\d\.\d, 95 %\)$/,
  );
});

/** The edit's answers with every item of one half wrong, of the two arms of 1000 items each. */
function wrongIn(half: 'even' | 'odd'): Outcomes {
  const table = arm({ city: { n: 1000 } }, 'edit');
  const isHit = (row: number): boolean => row % 2 === (half === 'even' ? 0 : 1);
  return { ...table, correct: table.correct.map((one, row) => (isHit(row) ? false : one)) };
}

test('a judge that sees answers sees one half, and is measured by the other', () => {
  const small = planOf({ edits: { a_clean: 'clean' }, errors: [], benchmarks: ['city'] });
  const of = (edit: Outcomes) => {
    const made = filesOf(small);
    made.set('output/s/m/evals/baseline_outcomes.parquet', content(arm({ city: { n: 1000 } }, 'baseline')));
    made.set('output/s/m/evals/a_clean_city_outcomes.parquet', content(edit));
    const { judges } = analyse(small, made);
    return judges.find(({ judge }) => judge === 'recovery-95');
  };
  // All harm in the judges' half: it flags, and the other half says that this is a false alarm.
  expect(of(wrongIn('even'))).toMatchObject({
    ...{ labels: 'half', counts: { flagged: 1 } },
    sensitivity: { of: 0 },
    specificity: { hits: 0, of: 1 },
  });
  // All harm in the other half: it passes a harmful edit.
  expect(of(wrongIn('odd'))).toMatchObject({ counts: { passed: 1 }, sensitivity: { hits: 0, of: 1 } });
});

test('a judge that fails is undecided everywhere, and changes nothing of the others', () => {
  const before = analyse(plan, files).judges;
  vi.spyOn(judgeNamed('flips'), 'judge').mockImplementation(() => {
    throw new Error('out of order');
  });
  const after = analyse(plan, files).judges;
  const flips = after.find(({ judge }) => judge === 'flips');
  expect(flips?.counts).toEqual({ flagged: 0, passed: 0, undecided: 13 });
  expect(flips?.answers[0]?.because).toBe('the judge failed: out of order');
  expect(flips?.sensitivity.of).toBe(0);
  const rest = (all: typeof before) =>
    all.filter(({ judge }) => judge !== 'flips').map(({ beside, ...one }) => ({ ...one, p: beside?.p }));
  expect(rest(after)).toEqual(rest(before));
});

test('only judges that the suite names are in the results, in its order; InvarLock is compared with all the same', () => {
  const { judges, beyond } = analyse({ ...plan, judges: ['never', 'perplexity'] }, files);
  expect(judges.map(({ judge }) => judge)).toEqual([
    'never',
    'perplexity-1.05',
    'perplexity-1.10',
    'perplexity-1.20',
  ]);
  expect(judges[0]?.beside?.n).toBe(13);
  expect(beyond).toEqual(analyse(plan, files).beyond);
  expect(besideInvarlock(judgeNamed('never'), [])).toMatchObject({ n: 0, difference: null });
  expect(JUDGE_TABLE.never).toHaveLength(1);
});

test('without a variant that is known and judged nothing is said', () => {
  const { beyond } = analyse(plan, new Map());
  expect(beyondSentence({ beyond })).toBe(
    'nothing can be said of what InvarLock adds beyond a threshold (perplexity ratio above 1.10, or no number): no variant has a label and both judgements',
  );
});

test('what a judge took is that of the cells it reads', () => {
  const record = (cell: string, kind: string, gpuHeldSeconds: number | null, runSeconds: number) =>
    ({ cell, kind, gpuHeldSeconds, runSeconds, endedAt: '2026-01-01T00:00:00Z' }) as CellRecord;
  const records = [
    record('a:calibrate-1', 'calibrate', 10, 20),
    record('a:certify-1', 'certify', 4, 8),
    record('b:certify-1', 'certify', null, 1),
    record('a:eval', 'eval', 100, 200),
    // Two parts of one process are one cell.
    ...[record('e:edit', 'edit', 3, 5), record('e:edit', 'edit', 3, 5)],
    record('x:inject', 'inject', 2, 1),
  ];
  const cost = (name: string) => costOf(judgeNamed(name).reads, records);
  expect(cost('invarlock')).toEqual({ gpuSeconds: 14, runSeconds: 29, cells: 3 });
  expect(cost('perplexity-1.10')).toEqual({ gpuSeconds: 4, runSeconds: 9, cells: 2 });
  expect(cost('kl')).toEqual({ gpuSeconds: 100, runSeconds: 200, cells: 1 });
  expect(cost('weight-error')).toEqual({ gpuSeconds: 5, runSeconds: 6, cells: 2 });
  expect(cost('always')).toEqual({ gpuSeconds: 0, runSeconds: 0, cells: 0 });
});

test('weights are judged by what the edit or error recorded; its tables are the same bytes whatever order files are read in', () => {
  const path = 'output/s/m/models/e07_stress.edit_metadata.json';
  const ofError = 'output/s/m/models/error_nan_injection.error_metadata.json';
  const writing = (cell: (typeof plan.cells)[number], part: (typeof cell.parts)[number]) =>
    part.name === 'e07_stress'
      ? [{ file: 'edit_metadata.json', path }]
      : cell.kind === 'inject'
        ? [{ file: 'error_metadata.json', path: ofError }]
        : part.writes;
  const cells = plan.cells.map((cell) => ({
    ...cell,
    parts: cell.parts.map((part) => ({ ...part, writes: writing(cell, part) })),
  }));
  const totals = (error: number | string) => content({ schema: 1, totals: { relative_error: error } });
  const recorded = new Map(files).set(path, totals(0.25)).set(ofError, totals('nan'));
  const answer = (variant: string, from = recorded) =>
    analyse({ ...plan, cells }, from)
      .judges.find(({ judge }) => judge === 'weight-error')
      ?.answers.find((one) => one.variant === variant);
  expect(answer('e07_stress')).toMatchObject({ judgement: 'flagged', score: 0.25, margin: 0.1 - 0.25 });
  expect(answer('error_nan_injection')).toMatchObject({
    ...{ judgement: 'flagged', score: Infinity, because: 'a weight is no finite number' },
  });
  const small = new Map(recorded).set(ofError, totals(0.02));
  expect(answer('error_nan_injection', small)).toMatchObject({ judgement: 'passed', score: 0.02 });
  const rendered = (from: Parameters<typeof findingsOf>[1]) =>
    [...renderVerdict(findingsOf({ ...plan, cells }, from))].filter(([name]) => name.includes('judg'));
  expect(rendered(recorded)).toHaveLength(3);
  expect(rendered(new Map([...recorded].reverse()))).toEqual(rendered(recorded));
});
