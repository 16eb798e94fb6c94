// reports/final_verdict.txt: the verdict first, then what it rests on and what is missing.
import type { Analysis } from '../../analysis/analyse.js';
import { GATES, type Gate } from '../../analysis/certificates/gates.js';
import { finishedText } from '../../../execution/records/cell-states.js';
import type { CertificateRow } from '../../analysis/certificates/rows.js';
import { correlationText } from './correlation-text.js';
import { columns, intervalText, pointsText, ratioText, rateText, upperFirst, WIDTH, wrap } from './format.js';
import { findingLines, guardLines, standingText, wrongLines } from './finding-section.js';
import { findingSentence, originalRule } from './finding-text.js';
import { judgeLines } from './judges-text.js';
import { missingLines } from './missing-text.js';
import { BASELINES_OWN, baselinesOwn } from '../../analysis/null-runs.js';
import { moreRunsSentences } from './more-runs-text.js';
import type { EditResult, ErrorResult } from '../../analysis/variants.js';

/** The first line; it never reads like a pass when something is missing. */
export function headline(analysis: Analysis): string {
  if (!analysis.complete) {
    const results = analysis.missing.length;
    const what = results === 1 ? '1 result' : `${results} results`;
    return `INCOMPLETE: ${finishedText(analysis.cells)}, ${what} missing or unreadable`;
  }
  return `${analysis.finding.status}: ${findingSentence(analysis)}`;
}

export function verdictText(analysis: Analysis, paths: readonly string[]): string {
  const { edits } = analysis;
  const sections = [
    [...wrap(headline(analysis).split(' '), WIDTH), ...opening(analysis), ...findingLines(analysis)],
    guardLines(analysis),
    judgeLines(analysis),
    nullLines(analysis),
    quantizedLines(analysis),
    wrongLines('Missed: these edits are harmful, and were not flagged', edits, 'missed'),
    wrongLines('False alarms: these edits are harmless, and were flagged', edits, 'false_alarm'),
    ...analysis.models.map((model) => modelSection(analysis, model)),
    summary(analysis),
    confusionTable(analysis),
    missingLines(analysis),
    ['Files', ...paths.map((path) => `  ${path}`)],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function opening(analysis: Analysis): string[] {
  return [
    ...(analysis.complete
      ? wrap(`${upperFirst(finishedLine(analysis))}.`.split(' '), WIDTH)
      : ['No verdict yet.', ...wrap(`So far: ${findingSentence(analysis)}.`.split(' '), WIDTH)]),
    ...wrap(`${originalRule(analysis)}.`.split(' '), WIDTH),
  ];
}

/** Of a verdict that is whole. A cell that a judge beside InvarLock alone reads keeps nothing from being so. */
export function finishedLine({ cells, failedAgain }: Analysis): string {
  const ofJudges = cells.total - cells.finished - failedAgain.length;
  const again = failedAgain.length;
  const rest = [
    ...(ofJudges === 0
      ? []
      : [`${ofJudges} of judges beside InvarLock ${ofJudges === 1 ? 'is' : 'are'} left`]),
    ...(again === 0
      ? []
      : [`${again} failed when tried again, and earlier results of ${again === 1 ? 'it' : 'them'} stand`]),
  ];
  return [finishedText(cells), ...rest].join('; ');
}

function summary(analysis: Analysis): string[] {
  const { confusion, confidence, triage } = analysis;
  const { parts } = confidence;
  const unmet = analysis.phase0.unmet.map((reason) => ['', `Not met: ${reason}`]);
  return columns(
    [
      ['Original rule', 'unpaired: an edit "hurt" whose accuracy fell by more than'],
      ['', '2*sqrt(p(1-p)/n) in some benchmark; "flagged" in any run; all errors count'],
      ...unmet,
      ['Accuracy', rateText(confusion.accuracy, 'edits right')],
      ['Precision', rateText(confusion.precision, 'edits flagged')],
      ['Recall', rateText(confusion.recall, 'edits that hurt')],
      ['Specificity', rateText(confusion.specificity, 'edits that did not hurt')],
      ['F1', intervalText(confusion.f1)],
      ['Error detection', rateText(analysis.errorDetection, 'errors flagged')],
      ['Confidence score', `${confidence.score.toFixed(1)} of 100`],
      [
        '',
        `samples ${parts.samples.toFixed(1)} + errors ${parts.errors.toFixed(1)} + ` +
          `accuracy ${parts.accuracy.toFixed(1)} + F1 ${parts.balance.toFixed(1)}`,
      ],
      ...moreRunsSentences(analysis.moreRuns).map((sentence) => ['', sentence]),
      ['Triage of edits', `${triage.PASS} PASS, ${triage.REVIEW} REVIEW, ${triage.FAIL} FAIL`],
      ['Correlation', `accuracy change to log ratio: r = ${correlationText(analysis)}`],
      ...analysis.guards.map(({ order, notRun }) => [
        'Guards',
        `${order.join(', ')}${notRun.length === 0 ? '' : `; not run: ${notRun.join(', ')}`}`,
      ]),
      ['', 'In brackets: Wilson 95 % intervals; all above are exact ones.'],
    ],
    0,
  );
}

function confusionTable({ confusion: { counts } }: Analysis): string[] {
  const rows = columns([
    ['', 'flagged', 'not flagged'],
    ['hurt', `${counts.TRUE_POSITIVE}`, `${counts.FALSE_NEGATIVE}`],
    ['did not hurt', `${counts.FALSE_POSITIVE}`, `${counts.TRUE_NEGATIVE}`],
  ]);
  const left = counts.INCONCLUSIVE;
  const rest = left === 0 ? [] : [`  inconclusive, in no rate: ${left}`];
  return ['Original rule: confusion table of edits', ...rows, ...rest];
}

function quantizedLines({ quantized }: Analysis): string[] {
  const taken = (how: 'dequantized' | 'quantized'): string =>
    quantized
      .filter(({ as }) => as === how)
      .map(({ model, variant }) => `${model}/${variant}`)
      .join(' ');
  const rows = [
    ['dequantized', taken('dequantized'), 'evaluated and certified as their numbers in bf16'],
    ['as they are', taken('quantized'), 'evaluated in their own format; InvarLock was not asked'],
  ].filter(([, names]) => names !== '');
  if (rows.length === 0) return [];
  return [
    'Quantized checkpoints',
    ...columns(
      rows.flatMap(([how = '', names = '', what = '']) => [
        [how, what],
        ['', names],
      ]),
    ),
  ];
}

function nullLines({ nulls }: Analysis): string[] {
  if (nulls.models.length === 0) return [];
  const flagged = nulls.models.flatMap(({ model, runs }) =>
    runs.filter((run) => run.flagged === true).map((run) => `${model}/run_${run.run}`),
  );
  const shift = nulls.largestShift;
  return [
    'Null runs: the baseline certified against itself, a check of numerical noise',
    ...columns([
      ['false alarms', rateText(nulls.falseAlarms, 'null runs judged')],
      ['flagged', flagged.length === 0 ? '-' : flagged.join(' ')],
      ['largest shift', shift === null ? '-' : `perplexity ratio ${ratioText(shift)} away from 1`],
    ]),
  ];
}

function modelSection(analysis: Analysis, model: string): string[] {
  const edits = analysis.edits.filter((edit) => edit.model === model);
  const errors = analysis.errors.filter((error) => error.model === model);
  const editHead = ['edit', 'judgement', 'ratio', 'points', 'failing'];
  const errorHead = ['error', 'judgement', 'ratio', 'failing'];
  const why = [...edits, ...errors].map((one) => [one.variant, standingText(one).why]);
  const own = baselinesOwn(analysis.nulls, model);
  return [
    `Model ${model}`,
    ...(edits.length === 0 ? [] : columns([editHead, ...edits.map((edit) => editLine(edit, own))])),
    ...(edits.length === 0 || errors.length === 0 ? [] : ['']),
    ...(errors.length === 0 ? [] : columns([errorHead, ...errors.map((error) => errorLine(error, own))])),
    ...(why.length === 0 ? [] : ['', ...columns([['', 'why this label'], ...why])]),
  ];
}

function editLine(edit: EditResult, own: ReadonlySet<Gate>): string[] {
  const { standing } = standingText(edit);
  return [
    edit.variant,
    standing,
    ratioText(edit.meanRatio),
    pointsText(edit.label.ok ? edit.label.value.difference : edit.meanDelta),
    failingGates(edit.runs, own),
  ];
}

function errorLine(error: ErrorResult, own: ReadonlySet<Gate>): string[] {
  const { standing } = standingText(error);
  const ratio = error.runs[0]?.judgement?.pm.ratio ?? null;
  return [error.variant, standing, ratioText(ratio), failingGates(error.runs, own)];
}

const SHORT: Record<Gate, string> = {
  invariants_pass: 'invariants',
  primary_metric_acceptable: 'metric',
  spectral_stable: 'spectral',
  rmt_stable: 'rmt',
  preview_final_drift_acceptable: 'drift',
  guard_overhead_acceptable: 'overhead',
};

/**
 * Gates that fail in any run, `rmt?` for one a certificate does not say, a refusal, `(1/2 missing)` certificates.
 * One that fails without an edit too is the baseline's: `drift (the baseline's own)`.
 */
function failingGates(runs: readonly CertificateRow[], own: ReadonlySet<Gate>): string {
  const having = (gate: Gate, status: string): boolean =>
    runs.some((run) => run.judgement?.gates[gate] === status);
  const words = [
    ...(runs.some((run) => run.state === 'refused') ? ['refused'] : []),
    ...GATES.filter((gate) => having(gate, 'fail')).map(
      (gate) => `${SHORT[gate]}${own.has(gate) ? ` (${BASELINES_OWN})` : ''}`,
    ),
    ...GATES.filter((gate) => having(gate, 'missing')).map((gate) => `${SHORT[gate]}?`),
  ];
  const missing = runs.filter((run) => run.state !== 'certified' && run.state !== 'refused').length;
  if (missing > 0) words.push(`(${missing}/${runs.length} missing)`);
  return words.length === 0 ? '-' : words.join(' ');
}
