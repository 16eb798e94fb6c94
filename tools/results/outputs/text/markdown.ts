// reports/summary.md: the verdict for a CI job's page. Short: the numbers, the mistakes by name, what is missing.
import type { Analysis } from '../../analysis/analyse.js';
import type { Rate } from '../../analysis/statistics/confusion.js';
import type { MissingReason } from '../../read/files.js';
import type { Findings } from '../../analysis/findings.js';
import { pointsText, ratioText } from './format.js';
import { DETECTOR_NAMES } from '../../analysis/guard-rates.js';
import { moreRunsSentences } from './more-runs-text.js';
import { headline } from './verdict-text.js';
import type { EditResult, ErrorResult } from '../../analysis/variants.js';

/** So many names a list; a run that went all wrong must not make the page unreadable. */
const MOST_NAMES = 20;

export function summaryMarkdown({ analysis, faults }: Findings): string {
  const lines = [
    `## ${escape(analysis.suite)}: ${escape(headline(analysis))}`,
    '',
    ...analysis.phase0.unmet.map((reason) => `- Not met: ${escape(reason)}.`),
    ...(analysis.phase0.unmet.length > 0 ? [''] : []),
    ...table(
      ['', 'rate', '95 % interval', 'of'],
      [
        rateRow('Accuracy', analysis.confusion.accuracy, 'edits judged'),
        rateRow('Precision', analysis.confusion.precision, 'edits flagged'),
        rateRow('Recall', analysis.confusion.recall, 'edits that hurt'),
        rateRow('Specificity', analysis.confusion.specificity, 'edits that did not hurt'),
        rateRow('Error detection', analysis.errorDetection, 'errors judged'),
        ...(analysis.nulls.models.length === 0
          ? []
          : [rateRow('False alarms of null runs', analysis.nulls.falseAlarms, 'null runs')]),
      ],
    ),
    '',
    `Confidence score ${analysis.confidence.score.toFixed(1)} of 100 (${analysis.confidence.level}).`,
    ...moreRunsSentences(analysis.moreRuns).map(escape),
    '',
    ...confusion(analysis),
    ...guards(analysis),
    ...list('Missed: these edits hurt, and were not flagged', ofCategory(analysis, 'FALSE_NEGATIVE')),
    ...list(
      'False alarms: these edits did not hurt, and were flagged',
      ofCategory(analysis, 'FALSE_POSITIVE'),
    ),
    ...list('Errors that were not detected', analysis.errors.filter(isMissed).map(errorLine)),
    ...missing(analysis),
    ...(faults.length === 0 ? [] : [`${faults.length} faults on record; see the report.`, '']),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function rateRow(name: string, { value, interval, hits, of }: Rate, what: string): string[] {
  if (value === null) return [name, '–', '–', `no ${what}`];
  const percent = (fraction: number): string => (100 * fraction).toFixed(1);
  return [
    name,
    `**${percent(value)} %**`,
    `${percent(interval.low)} to ${percent(interval.high)}`,
    `${hits} of ${of} ${what}`,
  ];
}

function confusion({ confusion: { counts } }: Analysis): string[] {
  return [
    ...table(
      ['', 'flagged', 'not flagged'],
      [
        ['hurt', `${counts.TRUE_POSITIVE}`, `${counts.FALSE_NEGATIVE}`],
        ['did not hurt', `${counts.FALSE_POSITIVE}`, `${counts.TRUE_NEGATIVE}`],
      ],
    ),
    ...(counts.INCONCLUSIVE === 0 ? [] : ['', `Inconclusive, in no rate: ${counts.INCONCLUSIVE}.`]),
    '',
  ];
}

function guards({ guardRates }: Analysis): string[] {
  const share = ({ hits, of }: Rate): string => (of === 0 ? '–' : `${hits} of ${of}`);
  const rows = guardRates.map((one) => [
    DETECTOR_NAMES[one.detector],
    share(one.detection),
    share(one.errors),
    share(one.falseAlarms),
  ]);
  return [...table(['guard', 'edits that hurt', 'errors', 'false alarms'], rows), ''];
}

function ofCategory({ edits }: Analysis, category: EditResult['category']): string[] {
  return edits
    .filter((edit) => edit.category === category)
    .map(
      (edit) =>
        `\`${edit.model}/${edit.variant}\`: ratio ${ratioText(edit.meanRatio)}, accuracy ${pointsText(edit.meanDelta)} points`,
    );
}

function isMissed({ detected }: ErrorResult): boolean {
  return detected === false;
}

function errorLine({ model, variant, runs }: ErrorResult): string {
  return `\`${model}/${variant}\`: ratio ${ratioText(runs[0]?.judgement?.pm.ratio ?? null)}`;
}

function list(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const shown = items.slice(0, MOST_NAMES).map((item) => `- ${item}`);
  const rest = items.length - shown.length;
  return [`**${title}**`, '', ...shown, ...(rest > 0 ? [`- and ${rest} more`] : []), ''];
}

function missing({ missing: ones }: Analysis): string[] {
  if (ones.length === 0) return [];
  const counts = new Map<MissingReason, number>();
  for (const { reason } of ones) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const failed = ones.filter(({ reason }) => reason !== 'not_run' && reason !== 'stale');
  const sum = [...counts].map(([reason, count]) => `${count} ${reason.replace('_', ' ')}`).join(', ');
  return [
    `**Missing**: ${sum}`,
    '',
    ...list(
      'Of these a person must look at',
      failed.map(({ cell, detail }) => `\`${cell}\`: ${escape(firstLine(detail))}`),
    ),
  ];
}

function firstLine(text: string): string {
  const line = text.split('\n')[0] ?? '';
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** Text of files in Markdown: nothing in it is markup. */
function escape(text: string): string {
  return text.replace(/[\\`*_{}[\]<>#|~&]/g, (character) => `\\${character}`).replaceAll('\n', ' ');
}
