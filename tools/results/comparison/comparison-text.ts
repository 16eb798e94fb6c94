// reports/comparison.txt: what changed between two runs, the largest first.
import type { Change, Comparison, Flip, MoreThanNoise } from './comparison.js';
import { columns, pointsText, ratioText } from '../outputs/text/format.js';

/** So many lines of changes within noise are shown; those beyond it all. */
const MOST_WITHIN = 5;

export function comparisonText(suite: string, other: string, comparison: Comparison): string {
  const { verdicts, rates, accuracies, ratios, flips } = comparison;
  const beyond = [...accuracies, ...ratios].filter(({ moreThanNoise }) => moreThanNoise === true).length;
  const sections = [
    [`${suite}, compared with ${other}`],
    columns(
      [
        ['verdict', `${verdicts.before} -> ${verdicts.after}`],
        ...rates.map(({ name, before, after, change, interval, moreThanNoise }) => [
          name,
          `${percent(before)} -> ${percent(after)}: ${pointsText(change)} points` +
            (interval === null
              ? ''
              : ` [${pointsText(interval.low)} to ${pointsText(interval.high)}], ${noiseWord(moreThanNoise)}`),
        ]),
        [
          'figures',
          `${accuracies.length} accuracies, ${ratios.length} ratios compared; ${beyond} beyond noise`,
        ],
      ],
      0,
    ),
    changes('Accuracies', accuracies, accuracyLine, ({ change }) => Math.abs(change)),
    changes('Perplexity ratios', ratios, ratioLine, ({ change }) => Math.abs(Math.log(change))),
    flips.length === 0 ? [] : ['Judged otherwise', ...columns(flips.map(flipLine))],
    names('Only in the other run', comparison.onlyBefore),
    names('Only in this run', comparison.onlyAfter),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function changes(
  title: string,
  all: readonly Change[],
  line: (change: Change) => string[],
  size: (change: Change) => number,
): string[] {
  const moved = all.filter(({ before, after }) => before !== after).sort((a, b) => size(b) - size(a));
  const beyond = moved.filter(({ moreThanNoise }) => moreThanNoise !== false);
  const within = moved.filter(({ moreThanNoise }) => moreThanNoise === false);
  const shown = within.slice(0, MOST_WITHIN);
  const rest = within.length - shown.length;
  if (moved.length === 0) return all.length === 0 ? [] : [`${title}: all ${all.length} the same`];
  return [
    `${title}: ${moved.length} of ${all.length} changed, ${beyond.length} by more than noise or of no known noise`,
    ...columns([...beyond, ...shown].map(line)),
    ...(rest > 0 ? [`  and ${rest} smaller ones within noise`] : []),
  ];
}

function accuracyLine({ name, before, after, change, noise, moreThanNoise }: Change): string[] {
  return [
    name,
    `${before.toFixed(4)} -> ${after.toFixed(4)}`,
    `${pointsText(change)} points (noise up to ${noise === null ? '?' : (100 * noise).toFixed(1)}): ${noiseWord(moreThanNoise)}`,
  ];
}

function ratioLine({ name, before, after, change, noise, moreThanNoise }: Change): string[] {
  return [
    name,
    `${ratioText(before)} -> ${ratioText(after)}`,
    `x ${ratioText(change)} (noise up to x ${noise === null ? '?' : ratioText(noise)}): ${noiseWord(moreThanNoise)}`,
  ];
}

function flipLine({ name, what, before, after, moreThanNoise }: Flip): string[] {
  return [name, what, `${before || '-'} -> ${after || '-'}; its ratio: ${noiseWord(moreThanNoise)}`];
}

function noiseWord(more: MoreThanNoise): string {
  return more === null ? 'noise not known' : more ? 'more than noise' : 'within noise';
}

function names(title: string, all: readonly string[]): string[] {
  return all.length === 0 ? [] : [title, ...all.map((name) => `  ${name}`)];
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
