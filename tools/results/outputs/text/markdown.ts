// reports/summary.md: the verdict for a CI job's page. Short: the numbers, the mistakes by name, what is missing.
import type { Analysis } from '../../analysis/analyse.js';
import type { Rate } from '../../analysis/statistics/confusion.js';
import type { MissingReason } from '../../read/files.js';
import type { Findings } from '../../analysis/findings.js';
import { COMPARED_WITH_NAMES } from '../../analysis/certificates/compared-with.js';
import { byDefinitionName, findingSentence, labelText, originalRule } from './finding-text.js';
import { beyondSentence } from './judges-text.js';
import { ratioText, upperFirst } from './format.js';
import { DETECTOR_NAMES } from '../../analysis/guard-rates.js';
import { moreRunsSentences } from './more-runs-text.js';
import { headline } from './verdict-text.js';
import type { EditResult } from '../../analysis/variants.js';

/** So many names a list; a run that went all wrong must not make the page unreadable. */
const MOST_NAMES = 20;

export function summaryMarkdown({ analysis, faults }: Findings): string {
  const lines = [
    `## ${escape(analysis.suite)}: ${escape(headline(analysis))}`,
    '',
    ...(analysis.complete ? [] : [`So far: ${escape(findingSentence(analysis))}.`, '']),
    `${escape(originalRule(analysis))}.`,
    '',
    ...bullets('Why', analysis.finding.reasons),
    ...bullets('What would settle it', analysis.finding.settling),
    ...table(
      ['', 'rate', '95 % interval', 'of'],
      [
        rateRow('Harmful edits flagged', analysis.finding.sensitivity, 'harmful edits'),
        rateRow('Harmless edits left alone', analysis.finding.specificity, 'harmless edits'),
        rateRow('Harmful errors flagged', analysis.finding.errorDetection, 'errors shown harmful'),
        rateRow(byDefinitionName(analysis), analysis.finding.nonFiniteDetection, 'such errors'),
      ],
    ),
    '',
    coverage(analysis),
    '',
    ...guards(analysis),
    `${escape(upperFirst(beyondSentence(analysis)))}.`,
    '',
    ...list('Missed: harmful edits that were not flagged', edits(analysis, 'missed')),
    ...list('False alarms: harmless edits that were flagged', edits(analysis, 'false_alarm')),
    ...list('Harmful errors that were not flagged', missedErrors(analysis)),
    ...original(analysis),
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

function bullets(title: string, sentences: readonly string[]): string[] {
  if (sentences.length === 0) return [];
  return [`${title}:`, '', ...sentences.map((one) => `- ${escape(one)}.`), ''];
}

function coverage({ finding: { coverage: of } }: Analysis): string {
  return (
    `${of.decided} of ${of.of} edits are in these rates; ${of.undecided} undecided, ${of.unlabelled} without outcomes, ` +
    `${of.unjudged} not judged.`
  );
}

function guards({ guardRates }: Analysis): string[] {
  const share = ({ hits, of }: Rate): string => (of === 0 ? '–' : `${hits} of ${of}`);
  const rows = guardRates.map((one) => [
    DETECTOR_NAMES[one.detector],
    one.comparedWith === null ? '–' : COMPARED_WITH_NAMES[one.comparedWith],
    share(one.detection),
    share(one.errors),
    share(one.falseAlarms),
  ]);
  return [...table(['check', 'compared', 'harmful flagged', 'errors flagged', 'harmless flagged'], rows), ''];
}

function original(analysis: Analysis): string[] {
  const { confusion: of, errorDetection, confidence, phase0 } = analysis;
  const share = ({ hits, of: all }: Rate): string => `${hits} of ${all}`;
  return [
    `<details><summary>The original rule's figures</summary>`,
    '',
    `Accuracy ${share(of.accuracy)} edits, error detection ${share(errorDetection)} errors, confidence score ${confidence.score.toFixed(1)} of 100. ` +
      `"Hurt" and flagged ${of.counts.TRUE_POSITIVE}, not flagged ${of.counts.FALSE_NEGATIVE}; not "hurt" and flagged ${of.counts.FALSE_POSITIVE}, not flagged ${of.counts.TRUE_NEGATIVE}; inconclusive ${of.counts.INCONCLUSIVE}.`,
    ...phase0.unmet.map((reason) => `Not met: ${escape(reason)}.`),
    ...moreRunsSentences(analysis.moreRuns).map(escape),
    '',
    '</details>',
    '',
  ];
}

function edits({ edits: all }: Analysis, standing: EditResult['standing']): string[] {
  return all
    .filter((edit) => edit.standing === standing)
    .map(
      (edit) =>
        `\`${edit.model}/${edit.variant}\`: ratio ${ratioText(edit.meanRatio)}; ${escape(labelText(edit.label).why)}`,
    );
}

function missedErrors({ errors }: Analysis): string[] {
  return errors
    .filter(({ standing, nonFinite, judged }) => standing === 'missed' || (nonFinite && judged === false))
    .map(
      ({ model, variant, runs }) =>
        `\`${model}/${variant}\`: ratio ${ratioText(runs[0]?.judgement?.pm.ratio ?? null)}`,
    );
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
