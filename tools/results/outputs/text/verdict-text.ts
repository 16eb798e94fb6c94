// reports/final_verdict.txt: the verdict first, then what it rests on and what is missing.
import type { Analysis } from '../../analysis/analyse.js';
import { GATES, type Gate } from '../../analysis/certificates/gates.js';
import type { CertificateRow } from '../../analysis/certificates/rows.js';
import {
  columns,
  intervalText,
  pointsText,
  ratioText,
  rateText,
  shareText,
  triText,
  WIDTH,
  wrap,
} from './format.js';
import { DETECTOR_NAMES } from '../../analysis/guard-rates.js';
import { missingLines } from './missing-text.js';
import { moreRunsSentences } from './more-runs-text.js';
import type { EditResult, ErrorResult } from '../../analysis/variants.js';

/** The first line; it never reads like a pass when something is missing. */
export function headline(analysis: Analysis): string {
  const { total, finished } = analysis.cells;
  if (!analysis.complete) {
    const results = analysis.missing.length;
    const what = results === 1 ? '1 result' : `${results} results`;
    return `INCOMPLETE: ${finished} of ${total} cells finished, ${what} missing or unreadable`;
  }
  const { verdict, confidence } = analysis.phase0;
  return `${verdict}, confidence ${confidence}: all ${total} cells finished`;
}

export function verdictText(analysis: Analysis, paths: readonly string[]): string {
  const sections = [
    [headline(analysis), ...opening(analysis)],
    summary(analysis),
    confusionTable(analysis),
    guardTable(analysis),
    nullLines(analysis),
    diagnostics('Missed: these edits hurt, and were not flagged', analysis, 'FALSE_NEGATIVE'),
    diagnostics('False alarms: these edits did not hurt, and were flagged', analysis, 'FALSE_POSITIVE'),
    ...analysis.models.map((model) => modelSection(analysis, model)),
    missingLines(analysis),
    ['Files', ...paths.map((path) => `  ${path}`)],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function opening({ complete, phase0 }: Analysis): string[] {
  // Not in the words of a verdict: whoever searches the file for one must not find it here.
  const soFar = phase0.unmet.length === 0 ? 'are met' : 'are not met';
  return [
    ...(complete
      ? []
      : [`No verdict yet. So far the requirements ${soFar}, confidence ${phase0.confidence}.`]),
    ...phase0.unmet.flatMap((reason) => wrap(`Not met: ${reason}.`.split(' '), WIDTH)),
  ];
}

function summary(analysis: Analysis): string[] {
  const { confusion, confidence, correlation, triage } = analysis;
  const { parts } = confidence;
  const r = correlation.r === null ? '-' : correlation.r.toFixed(3);
  return columns(
    [
      ['Suite', analysis.suite],
      ['Models', analysis.models.join(', ')],
      ['Accuracy', rateText(confusion.accuracy, 'edits judged')],
      ['Precision', rateText(confusion.precision, 'edits flagged')],
      ['Recall', rateText(confusion.recall, 'edits that hurt')],
      ['Specificity', rateText(confusion.specificity, 'edits that did not hurt')],
      ['F1', intervalText(confusion.f1)],
      ['Error detection', rateText(analysis.errorDetection, 'errors judged')],
      ['Confidence score', `${confidence.score.toFixed(1)} of 100 (${confidence.level})`],
      [
        '',
        `samples ${parts.samples.toFixed(1)} + errors ${parts.errors.toFixed(1)} + ` +
          `accuracy ${parts.accuracy.toFixed(1)} + F1 ${parts.balance.toFixed(1)}`,
      ],
      ...moreRunsSentences(analysis.moreRuns).map((sentence) => ['', sentence]),
      ['Triage of edits', `${triage.PASS} PASS, ${triage.REVIEW} REVIEW, ${triage.FAIL} FAIL`],
      ['Correlation', `r = ${r}, accuracy change to log ratio, ${correlation.points} edits`],
      ...analysis.guards.map(({ order, notRun }) => [
        'Guards',
        `${order.join(', ')}${notRun.length === 0 ? '' : `; not run: ${notRun.join(', ')}`}`,
      ]),
      ['', 'In brackets: Wilson 95 % intervals.'],
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
  return ['Confusion table of edits', ...rows, ...rest];
}

function guardTable({ guardRates }: Analysis): string[] {
  const rows = guardRates.map((one) => [
    DETECTOR_NAMES[one.detector],
    shareText(one.detection),
    shareText(one.errors),
    shareText(one.falseAlarms),
  ]);
  const alone = guardRates.filter((one) => one.alone.length > 0);
  return [
    'Guards: of the edits that hurt, the errors, and the edits that did not hurt',
    ...columns([['', 'caught', 'errors', 'false alarms'], ...rows]),
    ...(alone.length === 0 ? [] : ['  flagged by one alone']),
    ...columns(
      alone.map((one) => [DETECTOR_NAMES[one.detector], one.alone.join(' ')]),
      4,
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
    'Null runs: the baseline certified against itself',
    ...columns([
      ['false alarms', rateText(nulls.falseAlarms, 'null runs judged')],
      ['flagged', flagged.length === 0 ? '-' : flagged.join(' ')],
      ['largest shift', shift === null ? '-' : `perplexity ratio ${ratioText(shift)} away from 1`],
    ]),
  ];
}

function diagnostics(title: string, analysis: Analysis, category: EditResult['category']): string[] {
  const edits = analysis.edits.filter((edit) => edit.category === category);
  if (edits.length === 0) return [];
  return [
    title,
    ...edits.flatMap((edit) => [
      `  ${edit.model}/${edit.variant}`,
      ...columns(
        [['perplexity ratio', edit.runs.map(({ judgement }) => marginText(judgement)).join(', ')]],
        4,
      ),
      ...columns(
        edit.evaluations.map((row) => [
          row.benchmark,
          `${row.baseline?.toFixed(4) ?? '-'} -> ${row.accuracy?.toFixed(4) ?? '-'}`,
          `${pointsText(row.delta)} points (noise up to ${row.limit === null ? '-' : (100 * row.limit).toFixed(1)})`,
        ]),
        4,
      ),
    ]),
  ];
}

/** `1.0402 (0.0618 below 1.1020)`. */
function marginText(judgement: CertificateRow['judgement']): string {
  const ratio = ratioText(judgement?.pm.ratio ?? null);
  const margin = judgement?.margins.ratio ?? null;
  if (judgement === null || margin === null) return ratio;
  const side = margin >= 0 ? 'below' : 'above';
  return `${ratio} (${ratioText(Math.abs(margin))} ${side} ${judgement.threshold.toFixed(4)})`;
}

function modelSection(analysis: Analysis, model: string): string[] {
  const edits = analysis.edits.filter((edit) => edit.model === model).map(editLine);
  const errors = analysis.errors.filter((error) => error.model === model).map(errorLine);
  const editHead = ['edit', 'class', 'hurt', 'flagged', 'triage', 'ratio', 'points', 'failing'];
  const errorHead = ['error', 'detected', 'ratio', 'failing'];
  return [
    `Model ${model}`,
    ...(edits.length === 0 ? [] : columns([editHead, ...edits])),
    ...(edits.length === 0 || errors.length === 0 ? [] : ['']),
    ...(errors.length === 0 ? [] : columns([errorHead, ...errors])),
  ];
}

function editLine(edit: EditResult): string[] {
  return [
    edit.variant,
    edit.class,
    triText(edit.regression),
    triText(edit.flagged),
    edit.triage ?? '-',
    ratioText(edit.meanRatio),
    pointsText(edit.meanDelta),
    failingGates(edit.runs),
  ];
}

function errorLine(error: ErrorResult): string[] {
  const ratio = error.runs[0]?.judgement?.pm.ratio ?? null;
  // A missed error must not be overlooked in a column of yes.
  const detected = error.detected === false ? 'NO' : triText(error.detected);
  return [error.variant, detected, ratioText(ratio), failingGates(error.runs)];
}

const SHORT: Record<Gate, string> = {
  invariants_pass: 'invariants',
  primary_metric_acceptable: 'metric',
  spectral_stable: 'spectral',
  rmt_stable: 'rmt',
  preview_final_drift_acceptable: 'drift',
  guard_overhead_acceptable: 'overhead',
};

/** Gates that fail in any run, `rmt?` for one a certificate does not say, a refusal, `(1/2 missing)` certificates. */
function failingGates(runs: readonly CertificateRow[]): string {
  const having = (gate: Gate, status: string): boolean =>
    runs.some((run) => run.judgement?.gates[gate] === status);
  const words = [
    ...(runs.some((run) => run.state === 'refused') ? ['refused'] : []),
    ...GATES.filter((gate) => having(gate, 'fail')).map((gate) => SHORT[gate]),
    ...GATES.filter((gate) => having(gate, 'missing')).map((gate) => `${SHORT[gate]}?`),
  ];
  const missing = runs.filter((run) => run.state !== 'certified' && run.state !== 'refused').length;
  if (missing > 0) words.push(`(${missing}/${runs.length} missing)`);
  return words.length === 0 ? '-' : words.join(' ');
}
