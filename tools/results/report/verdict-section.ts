// The top of the page: the verdict, the numbers it rests on, and what is missing.
import type { Analysis } from '../analysis/analyse.js';
import type { Missing, MissingReason } from '../read/files.js';
import { pointsText, ratioText } from '../outputs/text/format.js';
import { DETECTOR_NAMES } from '../analysis/guard-rates.js';
import { moreRunsSentences } from '../outputs/text/more-runs-text.js';
import { headline } from '../outputs/text/verdict-text.js';
import type { EditResult } from '../analysis/variants.js';
import { cellAnchor } from './charts.js';
import { html, type Html } from './html.js';
import { percent, rateText, section, sortable } from './parts.js';

export function verdictSection(analysis: Analysis, description: string): Html {
  const { complete, phase0, confusion, errorDetection, confidence, triage } = analysis;
  const tone = !complete ? 'incomplete' : phase0.verdict === 'PHASE0_VALIDATED' ? 'pass' : 'fail';
  const mark = { incomplete: '◐', pass: '✓', fail: '✗' }[tone];
  const missed = analysis.errors.filter(({ detected }) => detected === false).length;
  return html`<section id="verdict" class="banner ${tone}">
    <p class="kicker">Does InvarLock flag the edits that hurt a model, and leave the harmless ones alone?</p>
    <div class="verdict">${mark} ${headline(analysis)}</div>
    <p class="muted">Suite ${analysis.suite}${description !== '' && `: ${description}`}</p>
    ${!complete && html`<p><b>This is no verdict yet.</b> <a href="#missing">What is missing</a> may change every number below.</p>`}
    ${phase0.unmet.map((reason) => html`<p><b>Not met:</b> ${reason}.</p>`)}
    <div class="cards">
      ${card(percent(confusion.accuracy.value), 'accuracy', `${rateText(confusion.accuracy)} edits judged; 60 % needed`)}
      ${card(percent(errorDetection.value), 'error detection', `${rateText(errorDetection)} errors judged; 80 % needed`)}
      ${card(confidence.score.toFixed(1), 'confidence score of 100', `${confidence.level}, by the score alone; HIGH from 85`)}
      ${card(`${confusion.counts.FALSE_NEGATIVE}`, confusion.counts.FALSE_NEGATIVE === 1 ? 'edit that hurts, missed' : 'edits that hurt, missed', `and ${missed} injected ${missed === 1 ? 'error' : 'errors'}`)}
      ${card(`${confusion.counts.FALSE_POSITIVE}`, 'false alarms', `${confusion.counts.INCONCLUSIVE} edits not judged`)}
      ${card(`${triage.PASS} · ${triage.REVIEW} · ${triage.FAIL}`, 'triage of edits', 'PASS · REVIEW · FAIL')}
    </div>
    <h3>Confidence by parts</h3>
    <div class="parts">
      ${(
        [
          ['samples', confidence.parts.samples],
          ['errors', confidence.parts.errors],
          ['accuracy interval', confidence.parts.accuracy],
          ['balance (F1)', confidence.parts.balance],
        ] as const
      ).map(
        ([name, value]) =>
          html`<span>${name}</span><i style="--share:${(4 * value).toFixed(1)}%"></i
            ><span>${value.toFixed(1)} of 25</span>`,
      )}
    </div>
    ${moreRunsSentences(analysis.moreRuns).map((sentence) => html`<p>${sentence}</p>`)}
  </section>`;
}

function card(value: string, name: string, more: string): Html {
  return html`<div class="card"><b>${value}</b>${name}<span>${more}</span></div>`;
}

export function confusionSection(analysis: Analysis): Html {
  const { confusion, nulls, guardRates } = analysis;
  const { counts } = confusion;
  const nullFlagged = nulls.models.flatMap(({ model, runs }) =>
    runs.filter(({ flagged }) => flagged === true).map(({ run }) => `${model}, run ${run}`),
  );
  return section(
    'guards',
    'Who was flagged, and by what',
    html`<div class="scroll">
        <table class="confusion">
          <thead>
            <tr>
              <th></th>
              <th scope="col">flagged</th>
              <th scope="col">not flagged</th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">hurt</th>
              <td class="good">${counts.TRUE_POSITIVE}<small>rightly flagged</small></td>
              <td class="bad">${counts.FALSE_NEGATIVE}<small>missed</small></td>
            </tr>
            <tr>
              <th scope="row">did not hurt</th>
              <td class="bad">${counts.FALSE_POSITIVE}<small>false alarms</small></td>
              <td class="good">${counts.TRUE_NEGATIVE}<small>rightly passed</small></td>
            </tr>
          </tbody>
        </table>
      </div>
      <p>
        Precision ${rateText(confusion.precision)}, recall ${rateText(confusion.recall)}, specificity
        ${rateText(confusion.specificity)}, F1
        ${percent(confusion.f1.value)}.${counts.INCONCLUSIVE > 0 && ` ${counts.INCONCLUSIVE} inconclusive edits are in no rate.`}
      </p>`,
    html`<h3>By guard</h3>`,
    sortable(
      guardRates,
      [
        { name: 'guard', show: (row) => DETECTOR_NAMES[row.detector] },
        {
          name: 'edits that hurt',
          show: (row) => rateText(row.detection),
          sort: (row) => row.detection.value,
        },
        { name: 'errors', show: (row) => rateText(row.errors), sort: (row) => row.errors.value },
        {
          name: 'false alarms',
          show: (row) => rateText(row.falseAlarms),
          sort: (row) => row.falseAlarms.value,
        },
        ...(nulls.models.length === 0
          ? []
          : [
              {
                name: 'null runs',
                show: (row: Analysis['guardRates'][number]) => rateText(row.nulls),
                sort: (row: Analysis['guardRates'][number]) => row.nulls.value,
              },
            ]),
        { name: 'flagged by it alone', show: (row) => alone(row.alone), sort: (row) => row.alone.length },
      ],
      { id: 'guard-table', label: 'Rates by guard' },
    ),
    nulls.models.length > 0 &&
      html`<h3>Null runs</h3>
        <p>
          The baseline certified against itself: false alarms
          ${rateText(nulls.falseAlarms)}${nullFlagged.length > 0 && html` (${nullFlagged.join('; ')})`};
          largest shift of the perplexity ratio from 1: ${ratioText(nulls.largestShift)}.
        </p>`,
    diagnostics('Missed: these edits hurt, and were not flagged', ofCategory(analysis, 'FALSE_NEGATIVE')),
    diagnostics(
      'False alarms: these edits did not hurt, and were flagged',
      ofCategory(analysis, 'FALSE_POSITIVE'),
    ),
  );
}

/** A long list opens on demand. */
function alone(names: readonly string[]): Html | string {
  if (names.length <= 4) return names.join(', ');
  return html`<details>
    <summary>${names.length}</summary>
    ${names.join(', ')}
  </details>`;
}

function ofCategory({ edits }: Analysis, category: EditResult['category']): EditResult[] {
  return edits.filter((edit) => edit.category === category);
}

function diagnostics(title: string, edits: readonly EditResult[]): Html | null {
  if (edits.length === 0) return null;
  return html`<h3>${title}</h3>
    <ul>
      ${edits.map(
        (edit) =>
          html`<li>
            <a href="#${cellAnchor(edit.model, edit.variant)}">${edit.model}/${edit.variant}</a>: ratio
            ${edit.runs.map(({ judgement }) => ratioText(judgement?.pm.ratio ?? null)).join(', ')};
            ${edit.evaluations
              .map(
                (row) => `${row.benchmark} ${pointsText(row.delta)} (noise up to ${pointsText(row.limit)})`,
              )
              .join(', ')}
          </li>`,
      )}
    </ul>`;
}

const REASONS: Record<MissingReason, string> = {
  failed: 'failed',
  unreadable: 'unreadable',
  incomplete: 'lacks something',
  absent: 'finished, but the file is gone',
  stale: 'of other parameters than planned',
  not_run: 'not run',
};

export function missingSection({ missing }: Analysis, link: (path: string) => Html): Html | null {
  if (missing.length === 0) return null;
  const counts = new Map<MissingReason, number>();
  for (const { reason } of missing) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return section(
    'missing',
    'Missing',
    html`<p>${[...counts].map(([reason, count]) => `${count} ${REASONS[reason]}`).join(', ')}.</p>`,
    sortable<Missing>(
      missing,
      [
        { name: 'cell', show: (row) => row.cell },
        { name: 'why', show: (row) => REASONS[row.reason] },
        { name: 'detail', show: (row) => row.detail },
        {
          name: 'path',
          show: ({ path, reason }) =>
            reason === 'unreadable' || reason === 'incomplete'
              ? link(path)
              : html`<span class="path">${path}</span>`,
        },
      ],
      { id: 'missing-table', label: 'Missing results', tall: true, finds: 'Find a cell, a reason, a path' },
    ),
  );
}
