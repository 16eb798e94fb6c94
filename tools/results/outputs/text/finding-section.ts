// The finding's part of the text: rates with intervals, coverage, accuracy's bounds, edits judged wrongly by name.
import type { Analysis } from '../../analysis/analyse.js';
import { DETECTOR_NAMES, type GuardRates } from '../../analysis/guard-rates.js';
import { COMPARED_WITH_NAMES } from '../../analysis/certificates/compared-with.js';
import { LEAST_COVERAGE, LIMITS } from '../../analysis/ground-truth/limits.js';
import type { EditResult, ErrorResult, Standing } from '../../analysis/variants.js';
import { byDefinitionName, labelText, pText, STANDINGS } from './finding-text.js';
import { columns, pointsText, rateText, ratioText, shareText, WIDTH, wrap } from './format.js';

export function findingLines(analysis: Analysis): string[] {
  const { finding, margins } = analysis;
  const { coverage, accuracy } = finding;
  const percent = (value: number | null): string => (value === null ? '-' : `${(100 * value).toFixed(1)} %`);
  const left = [
    [coverage.undecided, 'undecided'],
    [coverage.unlabelled, 'without outcomes'],
    [coverage.unjudged, 'not judged'],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${count ?? ''} ${what ?? ''}`]));
  return [
    ...finding.reasons.flatMap((reason) => wrapped(`Why: ${reason}.`)),
    ...finding.settling.flatMap((one) => wrapped(`What would settle it: ${one}.`)),
    '',
    'Finding: InvarLock against the labels',
    ...columns([
      ['harmful edits flagged', rateText(finding.sensitivity, 'harmful edits')],
      ['harmless edits left alone', rateText(finding.specificity, 'harmless edits')],
      ['harmful errors flagged', rateText(finding.errorDetection, 'errors shown harmful')],
      [byDefinitionName(analysis), rateText(finding.nonFiniteDetection, 'such errors')],
      [
        'coverage',
        `${coverage.decided} of ${coverage.of} edits in these rates${left.length === 0 ? '' : `; ${left.join(', ')}`}`,
      ],
      [
        'accuracy',
        `${percent(accuracy.decided.value)}; ${percent(accuracy.undecidedWrong)} to ${percent(accuracy.undecidedRight)} with all undecided edits wrong or right`,
      ],
    ]),
    ...wrapped(
      `Labels come from paired answers: harmless means that a drop of ${points(margins.overall)} in the mean and of ${points(margins.perBenchmark)} in any benchmark is ruled out. Supported needs low ends of ${percent(LIMITS.sensitivity)}, ${percent(LIMITS.specificity)} and ${percent(LIMITS.errorDetection)}, and a coverage of ${percent(LEAST_COVERAGE)}. In brackets: 95 % intervals (docs/method.md).`,
    ).map((line) => `  ${line}`),
  ];
}

function points(margin: number): string {
  const value = Number((100 * margin).toFixed(2));
  return `${value} ${value === 1 ? 'point' : 'points'}`;
}

function wrapped(sentence: string): string[] {
  return wrap(sentence.split(' '), WIDTH - 2);
}

/** Guards that compared with the baseline, and apart from them those that did not. */
export function guardLines({ guardRates }: Analysis): string[] {
  const evidence = guardRates.filter(
    ({ comparedWith }) => comparedWith === 'baseline' || comparedWith === null,
  );
  const apart = guardRates.filter((one) => !evidence.includes(one));
  const table = (rows: readonly GuardRates[]): string[] =>
    columns([
      ['', 'harmful flagged', 'errors flagged', 'harmless flagged'],
      ...rows.map((one) => [
        DETECTOR_NAMES[one.detector],
        shareText(one.detection),
        shareText(one.errors),
        shareText(one.falseAlarms),
      ]),
    ]);
  return [
    'Checks, each alone: of the harmful edits, all errors, and the harmless edits',
    ...table(evidence),
    ...(apart.length === 0
      ? []
      : [
          '  Apart, since these did not compare with the baseline; no evidence about edits:',
          ...table(apart),
          ...apart.map(
            ({ detector, comparedWith }) =>
              `  ${DETECTOR_NAMES[detector]}: compared ${COMPARED_WITH_NAMES[comparedWith ?? 'unknown']}`,
          ),
        ]),
  ];
}

export function wrongLines(title: string, edits: readonly EditResult[], standing: Standing): string[] {
  const ones = edits.filter((edit) => edit.standing === standing);
  if (ones.length === 0) return [];
  return [
    title,
    ...ones.flatMap((edit) => [
      `  ${edit.model}/${edit.variant}: ${labelText(edit.label).why}`,
      ...columns(
        [['perplexity ratio', edit.runs.map(({ judgement }) => marginText(judgement)).join(', ')]],
        4,
      ),
      ...evidenceLines(edit),
    ]),
  ];
}

function evidenceLines({ label }: EditResult): string[] {
  if (!label.ok) return [];
  return columns(
    label.value.benchmarks.map(({ benchmark, difference, lost, won, n, dropAdjustedP }) => [
      benchmark,
      `${pointsText(difference)} points`,
      `${lost} lost, ${won} won of ${n}; drop ${pText(dropAdjustedP)}`,
    ]),
    4,
  );
}

/** `1.0402 (0.1618 below 1.2020)`. */
function marginText(judgement: EditResult['runs'][number]['judgement']): string {
  const ratio = ratioText(judgement?.pm.ratio ?? null);
  const margin = judgement?.margins.ratio ?? null;
  if (judgement === null || margin === null) return ratio;
  return `${ratio} (${ratioText(Math.abs(margin))} ${margin >= 0 ? 'below' : 'above'} ${judgement.threshold.toFixed(4)})`;
}

/** Of a table's row: `harmful, flagged`, and why. */
export function standingText(one: EditResult | ErrorResult): { standing: string; why: string } {
  if ('nonFinite' in one && one.nonFinite && !one.label.ok) {
    return {
      standing: one.judged === null ? 'not judged' : one.judged ? 'NaN/Inf, flagged' : 'NaN/Inf, NOT FLAGGED',
      why: 'weights are not finite',
    };
  }
  const { why } = labelText(one.label);
  return { standing: STANDINGS[one.standing], why };
}
