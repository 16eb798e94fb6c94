// Who was flagged and by which check, the null runs, the wrong judgements by name; and what is missing.
import type { Analysis } from '../analysis/analyse.js';
import type { Missing, MissingReason } from '../read/files.js';
import { COMPARED_WITH_NAMES } from '../analysis/certificates/compared-with.js';
import { labelText } from '../outputs/text/finding-text.js';
import { ratioText } from '../outputs/text/format.js';
import { DETECTOR_NAMES } from '../analysis/guard-rates.js';
import type { EditResult, ErrorResult, Standing } from '../analysis/variants.js';
import { cellAnchor } from './drawing/charts.js';
import { html, type Html } from './drawing/html.js';
import { editsStanding, rateText, section, sortable } from './parts.js';

export function confusionSection(analysis: Analysis): Html {
  const { nulls, guardRates, finding } = analysis;
  const count = (wanted: Standing): number => editsStanding(analysis, wanted).length;
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
              <td></td>
              <th scope="col">flagged</th>
              <th scope="col">not flagged</th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">harmful</th>
              <td class="good">${count('caught')}<small>rightly flagged</small></td>
              <td class="bad">${count('missed')}<small>missed</small></td>
            </tr>
            <tr>
              <th scope="row">harmless</th>
              <td class="bad">${count('false_alarm')}<small>false alarms</small></td>
              <td class="good">${count('left_alone')}<small>rightly passed</small></td>
            </tr>
          </tbody>
        </table>
      </div>
      <p>
        Of ${finding.coverage.of} edits ${finding.coverage.undecided} are undecided,
        ${finding.coverage.unlabelled} have no outcomes and ${finding.coverage.unjudged} no judgement: these
        are in no rate.
      </p>`,
    html`<h3>By check</h3>
      <p>
        Only a check that compared with the baseline says anything about an edit. One that compared the edited
        model with itself can see what is odd within one model, and noise.
      </p>`,
    sortable(
      guardRates,
      [
        { name: 'check', show: (row) => DETECTOR_NAMES[row.detector] },
        {
          name: 'compared',
          show: (row) => (row.comparedWith === null ? '–' : COMPARED_WITH_NAMES[row.comparedWith]),
        },
        {
          name: 'harmful flagged',
          show: (row) => rateText(row.detection),
          sort: (row) => row.detection.value,
        },
        { name: 'errors flagged', show: (row) => rateText(row.errors), sort: (row) => row.errors.value },
        {
          name: 'harmless flagged',
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
      { id: 'guard-table', label: 'Rates by guard', file: 'final_verdict.json' },
    ),
    nulls.models.length > 0 &&
      html`<h3>Null runs</h3>
        <p>
          A check of numerical noise, the baseline certified against itself: flagged
          ${rateText(nulls.falseAlarms)}${nullFlagged.length > 0 && html` (${nullFlagged.join('; ')})`};
          largest shift of the perplexity ratio from 1: ${ratioText(nulls.largestShift)}.
        </p>`,
    diagnostics('Missed: these edits are harmful, and were not flagged', editsStanding(analysis, 'missed')),
    diagnostics(
      'Missed errors: they are harmful, and were not flagged',
      analysis.errors.filter(({ standing, nonFinite, label, judged }) =>
        nonFinite && !label.ok ? judged === false : standing === 'missed',
      ),
    ),
    diagnostics(
      'False alarms: these edits are harmless, and were flagged',
      editsStanding(analysis, 'false_alarm'),
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

function diagnostics(title: string, edits: readonly (EditResult | ErrorResult)[]): Html | null {
  if (edits.length === 0) return null;
  return html`<h3>${title}</h3>
    <ul>
      ${edits.map(
        (edit) =>
          html`<li>
            <a href="#${cellAnchor(edit.model, edit.variant)}">${edit.model}/${edit.variant}</a>: ratio
            ${edit.runs.map(({ judgement }) => ratioText(judgement?.pm.ratio ?? null)).join(', ')};
            ${labelText(edit.label).why}
          </li>`,
      )}
    </ul>`;
}

const REASONS: Record<MissingReason, string> = {
  failed: 'failed',
  altered: 'altered after its cell had ended',
  unreadable: 'unreadable',
  incomplete: 'lacks something',
  mismatched: 'not the items the baseline was asked',
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
      {
        id: 'missing-table',
        label: 'Missing results',
        file: 'final_verdict.json',
        tall: true,
        finds: 'Find a cell, a reason, a path',
      },
    ),
  );
}
