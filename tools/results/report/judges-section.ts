// Judges side by side: what InvarLock adds beyond a threshold, a table of all, and the curve of each.
import type { Findings } from '../analysis/findings.js';
import { costOf } from '../analysis/judge-cost.js';
import type { JudgeResult } from '../analysis/judge-results/results.js';
import { aucText, besideText, beyondSentence, falseAlarmRate } from '../outputs/text/judges-text.js';
import { upperFirst } from '../outputs/text/format.js';
import { durationText } from './drawing/charts.js';
import { curveChart } from './drawing/curves.js';
import { html, type Html } from './drawing/html.js';
import type { Figure } from './figure.js';
import { rateText, section, sortable } from './parts.js';

export function judgesSection({ analysis, records }: Findings, figure: Figure): Html {
  const { judges } = analysis;
  const cost = (one: JudgeResult) => costOf(one.reads, records);
  const curves = judges.flatMap((one) => {
    const chart = curveChart(one);
    return chart === null ? [] : [{ one, chart }];
  });
  const without = judges.filter(({ curve }) => curve === null).map(({ judge }) => judge);
  return section(
    'judges',
    'Judges side by side',
    html`<p><b>${upperFirst(beyondSentence(analysis))}.</b></p>
      <p>
        Every judge gets the same variants. One that looks at answers (*) sees those to one half of the items,
        and is measured against labels of the other half. Costs are those of the cells whose results it reads.
        In brackets: 95 % intervals.
      </p>`,
    sortable(
      judges,
      [
        { name: 'judge', show: ({ judge, labels }) => `${judge}${labels === 'half' ? '*' : ''}` },
        { name: 'flags', show: ({ rule }) => rule },
        {
          name: 'harmful flagged',
          show: ({ sensitivity }) => rateText(sensitivity),
          sort: ({ sensitivity }) => sensitivity.value,
        },
        {
          name: 'harmless flagged',
          show: (one) => rateText(falseAlarmRate(one)),
          sort: (one) => falseAlarmRate(one).value,
        },
        {
          name: 'errors flagged',
          show: ({ errorDetection }) => rateText(errorDetection),
          sort: ({ errorDetection }) => errorDetection.value,
        },
        {
          name: 'AUC',
          show: (one) => (one.auc === null ? '–' : aucText(one)),
          sort: ({ auc }) => auc?.value ?? null,
        },
        { name: 'caught with 80 %', show: caughtText, sort: ({ curve }) => curve?.caught.harm ?? null },
        {
          name: 'false alarms there',
          show: ({ falseAlarmsAt80: rate }) => (rate === null ? '–' : rateText(rate)),
          sort: ({ falseAlarmsAt80: rate }) => rate?.value ?? null,
        },
        {
          name: 'beside InvarLock',
          show: (one) => (one.beside === null ? '–' : besideText(one)),
          sort: ({ beside }) => beside?.p ?? null,
        },
        {
          name: 'GPU time',
          show: (one) => durationText(cost(one).gpuSeconds),
          sort: (one) => cost(one).gpuSeconds,
          number: true,
        },
        {
          name: 'run time',
          show: (one) => durationText(cost(one).runSeconds),
          sort: (one) => cost(one).runSeconds,
          number: true,
        },
        { name: 'undecided', show: ({ counts }) => counts.undecided, number: true },
      ],
      { id: 'judge-table', label: 'Judges side by side', file: '../analysis/judges.csv' },
    ),
    curves.length > 0 &&
      html`<h3>How much harm each sees</h3>
        <p>
          The curve is the probability of being flagged against the accuracy really lost (scale: linear near
          0, logarithmic far off); dashed: its 95 % band. Each mark is a variant, flagged above, passed below.
        </p>
        <div class="pair">
          ${curves.map(
            ({ one, chart }) =>
              html`<div>
                <h4>${one.judge}${one.labels === 'half' && '*'}</h4>
                ${figure(chart)}
              </div>`,
          )}
        </div>`,
    without.length > 0 &&
      html`<p class="muted">
        No curve for ${without.join(', ')}: it takes ten variants whose harm was measured, at least three of
        them flagged and three passed.
      </p>`,
  );
}

/** `4.2 points [1.3 to –]`. */
function caughtText({ curve }: JudgeResult): string {
  if (curve === null) return '–';
  const { harm, low, high } = curve.caught;
  if (harm === null) return 'not in the range seen';
  const text = (value: number | null): string => (value === null ? '–' : value.toFixed(1));
  return `${harm.toFixed(1)} points [${text(low)} to ${text(high)}]`;
}
