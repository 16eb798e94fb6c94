// The matrix: a row an edit or error, a column a model; each cell opens what stands behind it.
import type { Analysis } from '../analysis/analyse.js';
import { GATES, type Gate, type GateStatus } from '../analysis/certificates/gates.js';
import type { CertificateRow } from '../analysis/certificates/rows.js';
import type { Findings } from '../analysis/findings.js';
import { standingText } from '../outputs/text/finding-section.js';
import { labelText, pText } from '../outputs/text/finding-text.js';
import { pointsText, ratioText } from '../outputs/text/format.js';
import type { Labelled } from '../analysis/ground-truth/label.js';
import { BASELINES_OWN, baselinesOwn, reasonsOf } from '../analysis/null-runs.js';
import { compareNumbered } from '../../base/compare.js';
import { compareVariants, type PlannedVariant } from '../read/expected.js';
import type { EditResult, ErrorResult } from '../analysis/variants.js';
import { cellAnchor } from './drawing/charts.js';
import { html, type Html } from './drawing/html.js';
import { packable } from './pack.js';
import { command, fileLink, type Links } from './parts.js';

/** What a matrix cell says first, and its colour class. */
interface Look {
  tone: 'good' | 'bad' | 'warn' | 'none';
  mark: string;
  word: string;
}

const SHOWN = GATES.slice(0, 4);
const LETTERS: Partial<Record<Gate, string>> = {
  invariants_pass: 'inv',
  primary_metric_acceptable: 'pm',
  spectral_stable: 'spe',
  rmt_stable: 'rmt',
};

type Judged = EditResult | ErrorResult;

/** @param parameters of an edit, by variant, as the suite gives them */
export function matrixSection(
  { analysis, cells }: Findings,
  parameters: Readonly<Record<string, readonly string[]>>,
  links: Links,
): Html {
  const judged: Judged[] = [...analysis.edits, ...analysis.errors];
  const rows = variantsOf(judged);
  const logs = new Map(cells.map(({ cell, record }) => [cell, record?.attempts.at(-1)?.log ?? null]));
  const byKey = new Map(judged.map((one) => [`${one.model} ${one.variant}`, one]));
  /** Over the models; what is no number is the worst there is. Empty where no model has the figure. */
  const worst = (variant: string, of: (one: Judged) => number | null): string => {
    const values = analysis.models.flatMap((model) => {
      const one = byKey.get(`${model} ${variant}`);
      return one === undefined ? [] : (of(one) ?? []);
    });
    const highest = Math.max(...values.map((value) => (Number.isNaN(value) ? Infinity : value)));
    return values.length === 0 ? '' : String(highest);
  };
  const body = rows.map(
    (row, index) =>
      html` ${
          row.class !== rows[index - 1]?.class &&
          html`<tr class="group">
            <th colspan="${analysis.models.length + 1}" scope="rowgroup">${CLASS_TITLES[row.class]}</th>
          </tr>`
        }
        <tr
          data-points="${worst(row.variant, pointsOf)}"
          data-ratio="${worst(row.variant, ratioOf)}"
          ${analysis.models.some((model) => isMistake(byKey.get(`${model} ${row.variant}`))) && html`data-mistake`}
        >
          <th scope="row">
            ${breakable(row.variant)}${(parameters[row.variant] ?? []).map((text) => html`<small>${text}</small>`)}
          </th>
          ${analysis.models.map((model) => {
            const one = byKey.get(`${model} ${row.variant}`);
            return one === undefined
              ? html`<td class="muted"><small>not asked of this model</small></td>`
              : matrixCell(one, baselinesOwn(analysis.nulls, model));
          })}
        </tr>`,
  );
  return html`<section id="matrix">
    <h2>Edits and models</h2>
    <p class="legend">
      <span class="tag good">✓</span> label and judgement agree, <span class="tag bad">✗</span> harm that was
      not flagged, <span class="tag warn">!</span> a false alarm, <span class="tag">?</span> no label or no
      judgement. The label is what the answers to the benchmarks show; the judgement is InvarLock’s.
    </p>
    <p class="legend">
      Each field shows the mean accuracy change in percentage points (pt), the mean perplexity ratio (×), what
      decided the label, and InvarLock’s gates
      ${SHOWN.map((gate) => html`<span class="gate">${LETTERS[gate]}</span> `)} (invariants, primary metric,
      spectral, RMT): filled with ✗ where some run fails, dashed with ? where a certificate does not say, –
      where the guard did not run. A gate that fails too where the baseline is certified against itself (a
      null run) is called the baseline’s own. Press a field for its evidence, certificates, logs and commands.
    </p>
    ${packable(
      html`<div id="matrix-filter" hidden>
          <input type="search" placeholder="Find an edit or a word" aria-label="Find an edit or a word" />
          <label><input type="checkbox" /> only mistakes</label>
          <label
            >sorted by
            <select>
              <option value="">kind of edit</option>
              <option value="points">accuracy lost</option>
              <option value="ratio">perplexity ratio</option>
            </select></label
          >
          <span class="muted" role="status"></span>
        </div>
        <div class="scroll" tabindex="0" role="region" aria-label="Matrix of edits and models">
          <table class="matrix wide">
            <thead>
              <tr>
                <th scope="col">edit</th>
                ${analysis.models.map((model) => html`<th scope="col">${model}</th>`)}
              </tr>
            </thead>
            <tbody>
              ${body}
            </tbody>
          </table>
        </div>`,
      { what: 'Matrix of edits and models', file: '../analysis/labels.csv' },
    )}
    ${analysis.models.map((model) =>
      packable(
        html`${judged.filter((one) => one.model === model).map((one) => panel(analysis, one, logs, links))}`,
        { what: `Evidence of ${model}`, file: '../analysis/labels.csv', onDemand: model },
      ),
    )}
  </section>`;
}

/** May break after its underscores, and nowhere else. */
function breakable(name: string): Html[] {
  return name.split(/(?<=_)/).map((part) => html`${part}<wbr />`);
}

const CLASS_TITLES: Record<PlannedVariant['class'], string> = {
  baseline: 'Baseline',
  clean: 'Clean edits, expected to pass',
  stress: 'Stress edits, which may hurt',
  ladder: 'Steps of ladders: their answers say what they are',
  error: 'Injected errors, which must be detected',
};

function variantsOf(judged: readonly Judged[]): PlannedVariant[] {
  const variants = new Map(judged.map((one) => [`${one.class} ${one.variant}`, { ...one, model: '' }]));
  const kindOf = (one: PlannedVariant): PlannedVariant => ({ ...one, variant: '' });
  return [...variants.values()].sort(
    (a, b) => compareVariants(kindOf(a), kindOf(b)) || compareNumbered(a.variant, b.variant),
  );
}

type Own = ReadonlySet<Gate>;

function matrixCell(one: Judged, own: Own): Html {
  const { tone, mark, word } = lookOf(one);
  return html`<td id="${cellAnchor(one.model, one.variant)}">
    <button type="button" class="${tone}" popovertarget="${panelId(one)}" data-panels="${one.model}">
      <span class="unseen">${one.variant} of ${one.model}: </span>
      <b><span aria-hidden="true">${mark}</span> ${word}</b>
      <small>${figures(one)}</small>
      <small class="why">${labelText(one.label).why}</small>
      <span class="gates" aria-hidden="true">${SHOWN.map((gate) => gateMark(gate, one.runs, own))}</span>
    </button>
  </td>`;
}

/** Harm that was not flagged, or a false alarm. */
function isMistake(one: Judged | undefined): boolean {
  const tone = one === undefined ? 'none' : lookOf(one).tone;
  return tone === 'bad' || tone === 'warn';
}

function panelId({ model, variant }: Judged): string {
  return `panel-${model}-${variant}`;
}

const GOOD = { tone: 'good', mark: '✓' } as const;
const BAD = { tone: 'bad', mark: '✗' } as const;

function lookOf(one: Judged): Look {
  const word = standingText(one).standing;
  if ('nonFinite' in one && one.nonFinite && !one.label.ok) {
    return one.judged === null ? { tone: 'none', mark: '?', word } : { ...(one.judged ? GOOD : BAD), word };
  }
  switch (one.standing) {
    case 'caught':
    case 'left_alone':
      return { ...GOOD, word };
    case 'missed':
      return { ...BAD, word };
    case 'false_alarm':
      return { tone: 'warn', mark: '!', word };
    case 'undecided':
    case 'unlabelled':
    case 'unjudged':
      return { tone: 'none', mark: '?', word };
  }
}

function ratioOf(one: Judged): number | null {
  return 'meanRatio' in one ? one.meanRatio : (one.runs[0]?.judgement?.pm.ratio ?? null);
}

function deltaOf(one: Judged): number | null {
  return one.label.ok ? one.label.value.difference : 'meanDelta' in one ? one.meanDelta : null;
}

/** Accuracy lost: higher is worse. */
function pointsOf(one: Judged): number | null {
  const delta = deltaOf(one);
  return delta === null ? null : 0 - delta;
}

function figures(one: Judged): string {
  const ratio = ratioOf(one);
  const delta = deltaOf(one);
  const perplexity =
    ratio === null ? 'no ratio' : Number.isFinite(ratio) ? `×${ratioText(ratio)}` : 'ratio is no number';
  return delta === null ? perplexity : `${pointsText(delta)} pt · ${perplexity}`;
}

const ORDER: readonly GateStatus[] = ['fail', 'missing', 'pass', 'not_run', 'not_evaluated'];

/** The worst of the runs. */
function gateMark(gate: Gate, runs: readonly CertificateRow[], own: Own): Html {
  const statuses = runs.map(({ judgement }) => judgement?.gates[gate] ?? 'missing');
  const worst = ORDER.find((status) => statuses.includes(status)) ?? 'missing';
  const whose = worst === 'fail' && own.has(gate) ? `, ${BASELINES_OWN}` : '';
  return html`<span class="gate ${worst}" title="${gate}: ${worst.replace('_', ' ')}${whose}"
    >${gateText(gate, worst)}</span
  >`;
}

function gateText(gate: Gate, status: GateStatus): string {
  switch (status) {
    case 'pass':
      return LETTERS[gate] ?? '';
    case 'fail':
      return '✗';
    case 'missing':
      return '?';
    case 'not_run':
    case 'not_evaluated':
      return '–';
  }
}

function panel(
  analysis: Analysis,
  one: Judged,
  logs: ReadonlyMap<string, string | null>,
  links: Links,
): Html {
  const { word, tone, mark } = lookOf(one);
  const project = `${analysis.suite}.${one.model}.${one.variant}`;
  return html`<div popover id="${panelId(one)}" role="dialog" aria-label="${one.variant} of ${one.model}">
    <button type="button" class="plain close" popovertarget="${panelId(one)}" popovertargetaction="hide">
      Close
    </button>
    <h3>
      ${one.variant} <span class="muted">of ${one.model}</span>
      <a href="#${cellAnchor(one.model, one.variant)}">link</a>
    </h3>
    <p>
      <span class="tag ${tone}">${mark} ${word}</span>${one.triage !== null && html`, triage ${one.triage}`}
    </p>
    <p>
      ${labelText(one.label).why}${!one.label.ok && one.label.unloadable !== undefined && html`: ${one.label.unloadable}`}
    </p>
    ${one.label.ok && evidence(one.label.value)} ${'evaluations' in one && evaluations(one)}
    <h3>Certificates</h3>
    ${one.runs.map((run) => certificate(analysis, project, run, logs, links))}
    <h3>Everything of it again</h3>
    ${command(`npx nx run ${project}:certify --skip-nx-cache`)}
  </div>`;
}

/** What the label rests on. */
function evidence({ benchmarks, notes, secondary }: Labelled): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="What the label rests on">
      <table>
        <thead>
          <tr>
            <th>benchmark</th>
            <th class="n">items</th>
            <th class="n">lost</th>
            <th class="n">won</th>
            <th class="n">change</th>
            <th>a drop</th>
            <th>a drop of the margin</th>
          </tr>
        </thead>
        <tbody>
          ${benchmarks.map(
            (row) =>
              html`<tr>
                <td>${row.benchmark}</td>
                <td class="n">${row.n}</td>
                <td class="n">${row.lost}</td>
                <td class="n">${row.won}</td>
                <td class="n">${pointsText(row.difference)}</td>
                <td>${row.dropAdjustedP <= 0.025 ? 'shown' : 'not shown'}, ${pText(row.dropAdjustedP)}</td>
                <td>${row.marginP < 0.05 ? 'ruled out' : 'not ruled out'}, ${pText(row.marginP)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="muted">
      Secondary: ${(100 * secondary.flips).toFixed(1)} % of answers turned; KL over the choices
      ${secondary.klOverChoices?.toFixed(4) ?? '–'}; right choice’s probability
      ${pointsText(secondary.goldChange)} points (${pText(secondary.goldP)}).
    </p>
    ${notes.map((note) => html`<p><b>Not asked alike:</b> ${note}</p>`)}`;
}

function evaluations({ evaluations: rows }: EditResult): Html {
  const percent = (value: number | null): string => (value === null ? '–' : (100 * value).toFixed(1));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Accuracies">
    <table>
      <thead>
        <tr>
          <th>benchmark</th>
          <th class="n">baseline %</th>
          <th class="n">edit %</th>
          <th class="n">change</th>
          <th class="n">original rule’s limit</th>
          <th>original rule</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              <td>${row.benchmark}</td>
              <td class="n">${percent(row.baseline)}</td>
              <td class="n">${percent(row.accuracy)}</td>
              <td class="n">${pointsText(row.delta)}</td>
              <td class="n">${percent(row.limit)}</td>
              <td>${hurtText(row.regression, row.state)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function hurtText(regression: boolean | null, state: string): string {
  return regression === null ? state.replace('_', ' ') : regression ? 'hurt' : 'did not hurt';
}

function certificate(
  { nulls }: Analysis,
  project: string,
  run: CertificateRow,
  logs: ReadonlyMap<string, string | null>,
  links: Links,
): Html {
  const cell = `${project}:certify-${run.run}`;
  const log = logs.get(cell) ?? null;
  const { judgement } = run;
  const reasons = reasonsOf(nulls, run);
  return html`<div>
    <p>
      <b>run ${run.run}</b>:
      ${run.triage ?? run.state.replace('_', ' ')}${
        judgement !== null &&
        html`, ratio ${ratioText(judgement.pm.ratio)} (threshold ${judgement.threshold.toFixed(4)}, margin
        ${ratioText(judgement.margins.ratio)})`
      }${reasons.length > 0 && html`: ${reasons.join(', ')}`}${run.refusal !== null && html`<br />InvarLock refused the model: ${run.refusal}`}${run.madeUp.length > 0 && html`<br />InvarLock loaded it, with random numbers: ${run.madeUp.join('; ')}`}
    </p>
    <p>
      ${
        judgement === null
          ? html`<span class="muted">no certificate that can be read</span>`
          : fileLink(links, run.path, 'certificate')
      }
      · ${log === null ? html`<span class="muted">no log on record</span>` : fileLink(links, log, 'log')}
    </p>
    ${command(`npx nx run ${cell} --skip-nx-cache --excludeTaskDependencies`)}
  </div>`;
}
