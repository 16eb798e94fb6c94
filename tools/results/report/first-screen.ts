// The first screen: the finding as one sentence, the three rates it rests on with their intervals drawn, and what ran where.
import type { Findings } from '../analysis/findings.js';
import type { Analysis } from '../analysis/analyse.js';
import { LIMITS, type RateName } from '../analysis/ground-truth/limits.js';
import type { Rate } from '../analysis/statistics/confusion.js';
import { DETECTOR_NAMES } from '../analysis/guard-rates.js';
import { andList, findingSentence, flaggedSentence, originalRule } from '../outputs/text/finding-text.js';
import { upperFirst } from '../outputs/text/format.js';
import { moreRunsSentences } from '../outputs/text/more-runs-text.js';
import { headline } from '../outputs/text/verdict-text.js';
import { html, type Html } from './drawing/html.js';
import { editsStanding, percent, rateText } from './parts.js';

const TONES = {
  SUPPORTED: 'pass',
  REFUTED: 'fail',
  INSUFFICIENT: 'incomplete',
  NOT_ASSESSABLE: 'incomplete',
} as const;

/** What each status means, for whoever has not read docs/method.md. */
const MEANINGS = {
  SUPPORTED: 'All three rates are high enough, even at the low ends of their intervals.',
  REFUTED: 'A rate is too low, even at the high end of its interval.',
  INSUFFICIENT: 'Too little was tried to say yes or no.',
  NOT_ASSESSABLE: 'Too few edits are known to be harmful or harmless.',
} as const;

export function verdictSection(
  { analysis, records }: Pick<Findings, 'analysis' | 'records'>,
  { description, version }: { description: string; version: string },
): Html {
  const { complete, finding } = analysis;
  const tone = !complete ? 'incomplete' : TONES[finding.status];
  const mark = { incomplete: '◐', pass: '✓', fail: '✗' }[tone];
  return html`<section id="verdict" class="banner ${tone}">
    <p class="kicker">Does InvarLock flag the edits that harm a model, and leave the harmless ones alone?</p>
    <h2 class="verdict">
      <span class="status">${mark} ${complete ? finding.status : headline(analysis)}</span>
      ${complete && `${upperFirst(flaggedSentence(analysis))}.`}
    </h2>
    ${
      complete
        ? html`<p>${MEANINGS[finding.status]}</p>`
        : html`<p>
            <b>This is no verdict yet.</b> <a href="#missing">What is missing</a> may change every number
            below. So far: ${findingSentence(analysis)}.
          </p>`
    }
    <div class="rates">
      ${rateCard('harmful edits flagged', finding.sensitivity, 'sensitivity')}
      ${rateCard('harmless edits left alone', finding.specificity, 'specificity')}
      ${rateCard('harmful errors flagged', finding.errorDetection, 'errorDetection')}
    </div>
    <p class="muted">
      Each bar is a share with its 95 % interval; the dashed line is what its low end must reach.
    </p>
    ${guardSentences(analysis)}
    <p>${countsSentence(analysis)}</p>
    ${finding.reasons.length > 0 && list('Why', finding.reasons)}
    ${finding.settling.length > 0 && list('What would settle it', finding.settling)}
    <p class="muted">${originalRule(analysis)}.</p>
    <p class="muted">
      Suite ${analysis.suite}${description !== '' && `: ${description}`}.
      ${madeWith(analysis, records, version)}
    </p>
    ${originalFigures(analysis)}
  </section>`;
}

/** The share, its interval as a bar from 0 to 1, and the mark that its low end must reach. */
function rateCard(name: string, rate: Rate, limit: RateName): Html {
  const { value, hits, of, interval } = rate;
  const needed = LIMITS[limit];
  const at = (share: number): string => `${(100 * share).toFixed(1)}%`;
  const said =
    of === 0
      ? `${name}: nothing to count`
      : `${name}: ${hits} of ${of}, 95 % interval ${percent(interval.low)} to ${percent(interval.high)}; the low end must reach ${percent(needed)}`;
  return html`<div class="rate">
    <b>${of === 0 ? '–' : `${hits} of ${of}`}</b> ${name}
    <div
      class="interval"
      role="img"
      aria-label="${said}"
      style="--low:${at(interval.low)};--high:${at(interval.high)};--value:${at(value ?? 0)};--limit:${at(needed)}"
    >
      ${of > 0 && html`<i class="span"></i><i class="value"></i>`}<i class="limit"></i>
    </div>
    <span>
      ${of === 0 ? 'nothing to count' : `${percent(value)}, between ${percent(interval.low)} and ${percent(interval.high)}`};
      ${interval.low >= needed && of > 0 ? `at least the ${percent(needed)} that are needed` : `${percent(needed)} needed at the low end`}
    </span>
  </div>`;
}

/** Guards that compared with nothing but the edited model itself, and those that compared and found nothing. */
function guardSentences({ guardRates }: Analysis): Html[] {
  const names = (ones: Analysis['guardRates']): string =>
    andList(ones.map(({ detector }) => DETECTOR_NAMES[detector]));
  const blind = guardRates.filter(({ comparedWith }) => comparedWith === 'itself');
  const idle = guardRates.filter(
    ({ comparedWith, detection, errors }) =>
      comparedWith === 'baseline' && detection.of > 0 && detection.hits + errors.hits === 0,
  );
  const each = html`<a href="#guards">each check</a>`;
  return [
    ...(blind.length === 0
      ? []
      : [
          html`<p>
            <b>Not tested:</b> in these runs ${names(blind)} compared the edited model with itself, so what
            ${blind.length === 1 ? 'it says' : 'they say'} is no evidence about edits (${each}).
          </p>`,
        ]),
    ...(idle.length === 0
      ? []
      : [
          html`<p>
            <b>Found nothing:</b> ${names(idle)} compared with the baseline and flagged no harmful edit and no
            error (${each}).
          </p>`,
        ]),
  ];
}

function countsSentence(analysis: Analysis): string {
  const { coverage, accuracy, nonFiniteDetection } = analysis.finding;
  const missed = editsStanding(analysis, 'missed').length;
  const alarms = editsStanding(analysis, 'false_alarm').length;
  const { hits, of } = accuracy.decided;
  const open = [
    [coverage.undecided, 'undecided'],
    [coverage.unlabelled, 'without outcomes'],
    [coverage.unjudged, 'not judged'],
  ] as const;
  const rest = open.flatMap(([number, what]) => (number === 0 ? [] : [`${number} ${what}`]));
  const errors =
    nonFiniteDetection.of === 0
      ? ''
      : ` Errors with NaN or Inf${analysis.errors.some(({ unloadable }) => unloadable) ? ', or that cannot be loaded' : ''}, apart: ${rateText(nonFiniteDetection)}.`;
  return (
    `${hits} of ${of} right: ${missed} harmful ${missed === 1 ? 'edit' : 'edits'} missed, ` +
    `${alarms} false ${alarms === 1 ? 'alarm' : 'alarms'}. ` +
    (rest.length === 0
      ? `All ${coverage.of} edits count.`
      : `${coverage.decided} of ${coverage.of} edits count; ${rest.join(', ')}.`) +
    errors
  );
}

function list(title: string, lines: readonly string[]): Html {
  return html`<p class="list-title"><b>${title}:</b></p>
    <ul>
      ${lines.map((line) => html`<li>${line}.</li>`)}
    </ul>`;
}

/** Models; of more the matrix has the names. */
const MOST_NAMED = 12;

/** `Models tiny-dense, tiny-moe; on cpu; validation suite 0.1.0; InvarLock 0.3.7; last cell ended 2026-01-01.` */
function madeWith({ models }: Analysis, records: Findings['records'], version: string): string {
  const values = (of: (record: Findings['records'][number]) => string | undefined): string[] =>
    [...new Set(records.flatMap((record) => of(record) ?? []))].sort();
  const ended = values(({ endedAt }) => endedAt).at(-1);
  const versions = [
    ['validation suite', version === '' ? [] : [version]],
    ['InvarLock', values(({ versions: { invarlock } }) => invarlock)],
    ['lm-eval', values(({ versions }) => versions['lm-eval'])],
    ['torch', values(({ versions: { torch } }) => torch)],
  ] as const;
  const parts = [
    models.length > MOST_NAMED
      ? `${models.length} models`
      : `${models.length === 1 ? 'Model' : 'Models'} ${models.join(', ')}`,
    ...(records.length === 0 ? [] : [`on ${values(({ deviceClass }) => deviceClass).join(', ')}`]),
    ...versions.flatMap(([name, found]) => (found.length === 0 ? [] : [`${name} ${found.join(' and ')}`])),
    ...(ended === undefined ? [] : [`last cell ended ${ended.slice(0, 10)}`]),
  ];
  return `${parts.join('; ')}.`;
}

function originalFigures(analysis: Analysis): Html {
  const { confidence, triage } = analysis;
  return html`<details>
    <summary>The original rule’s figures</summary>
    <p>
      Unpaired: an edit “hurt” whose accuracy fell by more than 2·√(p(1−p)/n) in some benchmark, “flagged” in
      any run. Accuracy ${rateText(analysis.confusion.accuracy)}, error detection
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
  </details>`;
}
