// The top of the page: the verdict, the numbers it rests on, and what is missing.
import type { Analysis } from '../analysis/analyse.js';
import type { Missing, MissingReason } from '../read/files.js';
import { COMPARED_WITH_NAMES } from '../analysis/certificates/compared-with.js';
import { findingSentence, labelText, originalRule } from '../outputs/text/finding-text.js';
import { ratioText } from '../outputs/text/format.js';
import { DETECTOR_NAMES } from '../analysis/guard-rates.js';
import { moreRunsSentences } from '../outputs/text/more-runs-text.js';
import { headline } from '../outputs/text/verdict-text.js';
import type { EditResult } from '../analysis/variants.js';
import { cellAnchor } from './charts.js';
import { html, type Html } from './html.js';
import { percent, rateText, section, sortable } from './parts.js';

export function verdictSection(analysis: Analysis, description: string): Html {
  const { complete, finding, confidence, triage } = analysis;
  const tone = !complete ? 'incomplete' : TONES[finding.status];
  const mark = { incomplete: '◐', pass: '✓', fail: '✗' }[tone];
  const { coverage, accuracy } = finding;
  const count = (standing: EditResult['standing']): number =>
    analysis.edits.filter((edit) => edit.standing === standing).length;
  return html`<section id="verdict" class="banner ${tone}">
    <p class="kicker">Does InvarLock flag the edits that harm a model, and leave the harmless ones alone?</p>
    <div class="verdict">${mark} ${headline(analysis)}</div>
    <p class="muted">Suite ${analysis.suite}${description !== '' && `: ${description}`}</p>
    ${
      !complete &&
      html`<p>
        <b>This is no verdict yet.</b> <a href="#missing">What is missing</a> may change every number below.
        So far: ${findingSentence(analysis)}.
      </p>`
    }
    ${finding.reasons.map((reason) => html`<p><b>Why:</b> ${reason}.</p>`)}
    ${finding.settling.map((one) => html`<p><b>What would settle it:</b> ${one}.</p>`)}
    <p class="muted">${originalRule(analysis)}.</p>
    <div class="cards">
      ${card(percent(finding.sensitivity.value), 'of harmful edits flagged', `${rateText(finding.sensitivity)}; the low end must reach 60 %`)}
      ${card(percent(finding.specificity.value), 'of harmless edits left alone', `${rateText(finding.specificity)}; the low end must reach 60 %`)}
      ${card(percent(finding.errorDetection.value), 'of harmful errors flagged', `${rateText(finding.errorDetection)}; the low end must reach 80 %. With NaN or Inf, apart: ${rateText(finding.nonFiniteDetection)}`)}
      ${card(`${count('missed')}`, count('missed') === 1 ? 'harmful edit missed' : 'harmful edits missed', `and ${count('false_alarm')} false ${count('false_alarm') === 1 ? 'alarm' : 'alarms'}`)}
      ${card(`${coverage.decided} of ${coverage.of}`, 'edits in these rates', `${coverage.undecided} undecided, ${coverage.unlabelled} without outcomes, ${coverage.unjudged} not judged`)}
      ${card(percent(accuracy.decided.value), 'accuracy', `${percent(accuracy.undecidedWrong)} to ${percent(accuracy.undecidedRight)} with all undecided edits wrong or right`)}
    </div>
    <details>
      <summary>The original rule’s figures</summary>
      <p>
        Unpaired: an edit “hurt” whose accuracy fell by more than 2·√(p(1−p)/n) in some benchmark, “flagged”
        in any run. Accuracy ${rateText(analysis.confusion.accuracy)}, error detection
        ${rateText(analysis.errorDetection)}, confidence score ${confidence.score.toFixed(1)} of 100; triage
        ${triage.PASS} PASS, ${triage.REVIEW} REVIEW, ${triage.FAIL} FAIL.
      </p>
      ${analysis.phase0.unmet.map((reason) => html`<p><b>Not met:</b> ${reason}.</p>`)}
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
    </details>
  </section>`;
}

const TONES = {
  SUPPORTED: 'pass',
  REFUTED: 'fail',
  INSUFFICIENT: 'incomplete',
  NOT_ASSESSABLE: 'incomplete',
} as const;

function card(value: string, name: string, more: string): Html {
  return html`<div class="card"><b>${value}</b>${name}<span>${more}</span></div>`;
}

export function confusionSection(analysis: Analysis): Html {
  const { nulls, guardRates, finding } = analysis;
  const count = (standing: EditResult['standing']): number =>
    analysis.edits.filter((edit) => edit.standing === standing).length;
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
      { id: 'guard-table', label: 'Rates by guard' },
    ),
    nulls.models.length > 0 &&
      html`<h3>Null runs</h3>
        <p>
          A check of numerical noise, the baseline certified against itself: flagged
          ${rateText(nulls.falseAlarms)}${nullFlagged.length > 0 && html` (${nullFlagged.join('; ')})`};
          largest shift of the perplexity ratio from 1: ${ratioText(nulls.largestShift)}.
        </p>`,
    diagnostics('Missed: these edits are harmful, and were not flagged', standing(analysis, 'missed')),
    diagnostics(
      'False alarms: these edits are harmless, and were flagged',
      standing(analysis, 'false_alarm'),
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

function standing({ edits }: Analysis, wanted: EditResult['standing']): EditResult[] {
  return edits.filter((edit) => edit.standing === wanted);
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
            ${labelText(edit.label).why}
          </li>`,
      )}
    </ul>`;
}

const REASONS: Record<MissingReason, string> = {
  failed: 'failed',
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
      { id: 'missing-table', label: 'Missing results', tall: true, finds: 'Find a cell, a reason, a path' },
    ),
  );
}
