// The finding in words: one plain sentence, the labels' reasons, and what kept a guard from saying anything about edits.
import type { Analysis } from '../../analysis/analyse.js';
import type { VariantLabel } from '../../analysis/ground-truth/variant-labels.js';
import { DETECTOR_NAMES } from '../../analysis/guard-rates.js';
import type { Standing } from '../../analysis/variants.js';

/** `InvarLock flagged 5 of 6 harmful edits and none of 8 harmless ones; spectral and rmt did not compare with the baseline.` */
export function findingSentence(analysis: Analysis): string {
  const blind = analysis.guardRates
    .filter(({ comparedWith }) => comparedWith === 'itself')
    .map(({ detector }) => DETECTOR_NAMES[detector]);
  const guards = blind.length === 0 ? '' : `; ${andList(blind)} did not compare with the baseline`;
  return `${flaggedSentence(analysis)}${guards}`;
}

/** The same without the guards. */
export function flaggedSentence({ finding }: Analysis): string {
  const { sensitivity, specificity, coverage } = finding;
  if (sensitivity.of + specificity.of === 0) {
    const none =
      coverage.of === 0 ? 'there are no edits' : `none of ${coverage.of} edits has a label and a judgement`;
    return `nothing can be said: ${none}`;
  }
  const harmful = share(sensitivity.hits, sensitivity.of, 'harmful edit');
  const harmless = share(specificity.of - specificity.hits, specificity.of, 'harmless edit');
  if (sensitivity.of === 0) return `no edit was shown harmful; InvarLock flagged ${harmless}`;
  if (specificity.of === 0) return `InvarLock flagged ${harmful}; no edit was shown harmless`;
  return `InvarLock flagged ${harmful} and ${harmless.replace(/ edits?$/, specificity.of === 1 ? ' one' : ' ones')}`;
}

function share(count: number, of: number, noun: string): string {
  if (of === 1) return `${count} of 1 ${noun}`;
  if (count === 0) return `none of ${of} ${noun}s`;
  return count === of ? `all ${of} ${noun}s` : `${count} of ${of} ${noun}s`;
}

export function andList(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;
}

/** The original suite's verdict, marked as such. */
export function originalRule({ complete, phase0 }: Analysis): string {
  const rule = 'Original rule (accuracy and error detection)';
  // Not in the words of a verdict before there is one: whoever searches for one must not find it.
  if (!complete) return `${rule}: requirements ${phase0.unmet.length === 0 ? 'met' : 'not met'} so far`;
  return `${rule}: ${phase0.verdict}, confidence ${phase0.confidence}`;
}

/** The errors that are harmful by what they are, which stand apart. */
export function byDefinitionName({ errors }: Pick<Analysis, 'errors'>): string {
  return errors.some(({ unloadable }) => unloadable)
    ? 'NaN, Inf or not loadable'
    : 'NaN or Inf errors flagged';
}

/** `harmful`, and why: `drop in arc, p = 0.0013`. */
export function labelText(label: VariantLabel): { label: string; why: string } {
  if (!label.ok) return { label: label.unloadable === undefined ? 'no label' : 'harmful', why: label.reason };
  const { label: name, decidedBy } = label.value;
  const where = decidedBy.benchmark ?? 'the mean of all';
  const p = pText(decidedBy.p);
  switch (decidedBy.test) {
    case 'non_finite':
      return { label: name, why: `answers of ${where} are not finite` };
    case 'drop':
      return { label: name, why: `drop in ${where}, ${p}` };
    case 'margin':
      return {
        label: name,
        why:
          name === 'harmless'
            ? `no relevant drop, least sure in ${where}, ${p}`
            : `a drop in ${where} is not ruled out, ${p}`,
      };
  }
}

export function pText(p: number | null): string {
  if (p === null) return '-';
  return p < 0.0001 ? 'p < 0.0001' : `p = ${p.toFixed(4)}`;
}

export const STANDINGS: Record<Standing, string> = {
  caught: 'harmful, flagged',
  missed: 'harmful, not flagged',
  left_alone: 'harmless, not flagged',
  false_alarm: 'harmless, flagged',
  undecided: 'undecided',
  unlabelled: 'no label',
  unjudged: 'not judged',
};
