// Judges side by side in words: what InvarLock adds beyond a threshold, in one sentence, and a table of all.
import type { Analysis } from '../../analysis/analyse.js';
import type { JudgeResult } from '../../analysis/judge-results/results.js';
import type { Rate } from '../../analysis/statistics/confusion.js';
import { guards } from '../../analysis/judges/guards.js';
import { pText } from './finding-text.js';
import { columns, upperFirst, WIDTH, wrap } from './format.js';

/** `beyond a threshold (perplexity ratio above 1.10, or no number) InvarLock adds nothing that shows: …` */
export function beyondSentence({ beyond }: Pick<Analysis, 'beyond'>): string {
  const { n, onlyOne, onlyOther, p, difference, interval } = beyond;
  const threshold = `a threshold (perplexity ratio above ${beyond.limit.toFixed(2)}, or no number)`;
  if (difference === null) {
    return `nothing can be said of what InvarLock adds beyond ${threshold}: no variant has a label and both judgements`;
  }
  const between = `its share of right judgements differs by ${signed(difference)} points (${signed(interval.low)} to ${signed(interval.high)}, 95 %)`;
  if (onlyOne + onlyOther === 0) {
    return `beyond ${threshold} InvarLock adds nothing that shows: the two judged ${variants(n)} alike; ${between}`;
  }
  const adds =
    p > 0.05
      ? 'adds nothing that is sure'
      : onlyOne > onlyOther
        ? 'adds something'
        : 'adds nothing, and loses something';
  return (
    `beyond ${threshold} InvarLock ${adds}: of ${n} ${n === 1 ? 'variant' : 'variants'} it alone judged ${onlyOne} rightly, ` +
    `the threshold alone ${onlyOther} (${pText(p)}); ${between}`
  );
}

function variants(n: number): string {
  return n === 1 ? 'the 1 variant' : `all ${n} variants`;
}

function signed(fraction: number): string {
  const points = (100 * fraction).toFixed(1);
  if (Number(points) === 0) return '0.0';
  return fraction > 0 ? `+${points}` : points;
}

/** `0.95 [0.81 to 0.99]`. */
export function aucText({ auc }: JudgeResult): string {
  if (auc === null) return '-';
  const { low, high } = auc.interval;
  return `${auc.value.toFixed(2)} [${low.toFixed(2)} to ${high.toFixed(2)}]`;
}

export function besideText({ beside }: JudgeResult): string {
  if (beside === null) return '-';
  const { n, alike, onlyOne, onlyOther, p } = beside;
  if (n === 0) return 'nothing to compare';
  if (alike === n) return `all ${n} alike`;
  return `of ${n}: it alone right ${onlyOther}, InvarLock alone ${onlyOne}, ${pText(p)}`;
}

/** `2/0 of 18, 0.5000`: the same, short enough for a column. */
function aloneText({ beside }: JudgeResult): string {
  if (beside === null || beside.n === 0) return '-';
  return `${beside.onlyOther}/${beside.onlyOne} of ${beside.n}, ${beside.p.toFixed(4)}`;
}

/** Of a harmless variant the rate has those left alone. */
export function falseAlarmRate({ specificity: { hits, of, value, interval } }: JudgeResult): Rate {
  return {
    hits: of - hits,
    of,
    value: value === null ? null : 1 - value,
    interval: { low: 1 - interval.high, high: 1 - interval.low },
  };
}

/** A guard stands indented below InvarLock. */
function nameText(judge: string): string {
  const isGuard = guards.some(({ name }) => name === judge);
  return isGuard ? judge.replace(/^invarlock-/, '  ') : judge;
}

export function judgeLines(analysis: Analysis): string[] {
  const share = ({ hits, of }: Rate): string => (of === 0 ? '-' : `${hits}/${of}`);
  const sentence = beyondSentence(analysis);
  const half = analysis.judges.some(({ labels }) => labels === 'half');
  return [
    'Judges side by side',
    ...wrap(`${upperFirst(sentence)}.`.split(' '), WIDTH - 2).map((line) => `  ${line}`),
    '',
    ...columns([
      ['judge', 'harmful', 'harmless', 'AUC', 'alone right, p'],
      ...analysis.judges.map((one) => [
        `${nameText(one.judge)}${one.labels === 'half' ? '*' : ''}`,
        share(one.sensitivity),
        share(falseAlarmRate(one)),
        aucText(one),
        aloneText(one),
      ]),
    ]),
    ...wrap(
      `Flagged of the harmful and of the harmless edits; AUC of its score, in brackets 95 %. Alone right: it/InvarLock, of the edits and errors that both judged; p of the exact McNemar test.${half ? ' * sees the answers to one half of the items, and is measured against labels of the other half.' : ''}`.split(
        ' ',
      ),
      WIDTH - 2,
    ).map((line) => `  ${line}`),
  ];
}
