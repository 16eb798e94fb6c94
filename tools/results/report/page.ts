// The report: one HTML page with everything in it, made from the findings of a run, whole or not.
import type { Findings } from '../analysis/findings.js';
import type { HistoryEntry } from '../outputs/history.js';
import { correlationText } from '../outputs/text/correlation-text.js';
import { durationChart, memoryChart } from './drawing/charts.js';
import { figures } from './figure.js';
import { verdictSection } from './first-screen.js';
import { html, Html } from './drawing/html.js';
import { lanesOf } from './drawing/lanes.js';
import { judgesSection } from './judges-section.js';
import { matrixSection } from './matrix.js';
import { fileLink, section } from './parts.js';
import { correlationCharts, secondaryCharts } from './drawing/scatter.js';
import {
  cellsTable,
  faultsSection,
  historySection,
  settingsSection,
  type ModelSettings,
} from './run-section.js';
import { fitted } from './pack.js';
import { SCRIPT } from './script/index.js';
import { STYLE } from './style.js';
import type { Chart, Draw } from './drawing/svg.js';
import { timelineChart } from './drawing/timeline.js';
import { confusionSection, missingSection } from './guards-section.js';

export interface Page {
  findings: Findings;
  description: string;
  /** Of the tool; empty where it is not on record. */
  version: string;
  settings: readonly ModelSettings[];
  /** Of each edit, as the suite gives them; several where the models differ. */
  parameters: Readonly<Record<string, readonly string[]>>;
  /** Findings of complete runs, oldest first. */
  history: readonly HistoryEntry[];
  /** Files that the page would lead to and that are not there, as workspace paths. */
  absent: readonly string[];
  /** Digest of all it is made of. */
  key: string;
  /** What is done to the page before a part of it is packed. */
  last?: (page: string) => string;
}

/** Nothing but what stands in the page itself: no script from elsewhere, no image, no connection. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

export function renderPage(page: Page, draw: Draw): string {
  const { findings, description, version, settings, parameters, history, absent, key, last = asItIs } = page;
  const { analysis, records, memory } = findings;
  const { suite } = analysis;
  const links = { suite, absent: new Set(absent) };
  const link = (path: string): Html => html`<span class="path">${fileLink(links, path, path)}</span>`;
  const missing = missingSection(analysis, link);
  const figure = figures(suite, draw);
  const chart = (content: Chart | null, nothing: string): Html =>
    content === null ? html`<p class="muted">${nothing}</p>` : figure(content);
  const correlations = correlationCharts(analysis);
  const others = secondaryCharts(analysis);
  const ended = records
    .map(({ endedAt }) => endedAt)
    .sort()
    .at(-1);
  const nav = [
    ...(missing === null ? [] : [['missing', 'Missing']]),
    ['matrix', 'Matrix'],
    ['guards', 'Guards'],
    ['judges', 'Judges'],
    ['correlation', 'Correlation'],
    ['timeline', 'Timeline'],
    ['memory', 'Memory'],
    ['cells', 'Cells'],
    ['faults', 'Faults'],
    ...(history.length > 1 ? [['history', 'Earlier findings']] : []),
    ['settings', 'Settings'],
  ];
  const text = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="report-key" content="${key}" />
        <link rel="icon" href="data:," />
        <title>${suite}: validation report</title>
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <a class="skip" href="#verdict">To the verdict</a>
        <header class="top">
          <div>
            <h1>${suite}</h1>
            <nav aria-label="Sections">${nav.map(([id, name]) => html`<a href="#${id}">${name}</a>`)}</nav>
            <button type="button" id="theme" class="plain" hidden>Dark theme</button>
          </div>
        </header>
        <main>
          ${verdictSection(findings, { description, version })} ${missing}
          ${matrixSection(findings, parameters, links)} ${confusionSection(analysis)}
          ${judgesSection(findings, figure)}
          ${section(
            'correlation',
            'Accuracy change against perplexity ratio',
            html`<p>
              Each mark is an edit and leads to its field of the matrix; its lines are 95 % intervals.
              Pearson’s r of the accuracy change against the logarithm of the ratio:
              ${correlationText(analysis)}. A missed edit lies low and left of the threshold.
            </p>`,
            correlations.length === 0
              ? html`<p class="muted">No edit has both figures yet.</p>`
              : html`<div class="pair">${correlations.map((one) => chart(one, ''))}</div>`,
            others.length > 0 &&
              html`<h3>Secondary evidence</h3>
                <p>
                  How much the answers moved, of which no label is made: items whose answer turned right or
                  wrong, the divergence of the choices’ probabilities, the change of the right choice’s
                  probability.
                </p>
                <div class="pair">${others.map((one) => chart(one, ''))}</div>`,
          )}
          ${section(
            'timeline',
            'Timeline',
            html`<p>
              Where each finished cell ran. Below the bars, in grey, how long it waited for its lease; a
              failed try that was made again is outlined.
            </p>`,
            chart(timelineChart(lanesOf(records)), 'No receipt says when its cell ran.'),
          )}
          ${section(
            'memory',
            'Memory planned and measured',
            html`<p>
              The largest of the cells of each kind, in GiB: planned, taken on the GPUs by nvidia-smi, and the
              process’s own resident set. All figures are in
              <a href="../analysis/memory_plan.csv">memory_plan.csv</a>.
            </p>`,
            chart(memoryChart(memory), 'Nothing was measured yet.'),
          )}
          ${section('cells', 'Cells and durations', chart(durationChart(records), 'No receipt says how long its cell ran.'), cellsTable(findings, links))}
          ${faultsSection(findings, links)} ${historySection(history, figure)}
          ${settingsSection(findings, settings)}
        </main>
        <footer>
          <p>
            Made from
            output/${suite}${ended !== undefined && ` as of ${ended.slice(0, 19).replace('T', ' ')} UTC, the end of the last cell`}.
            For machines: <a href="final_verdict.json">final_verdict.json</a>,
            <a href="junit.xml">junit.xml</a>,
            <a href="../analysis/invarlock_results.csv">invarlock_results.csv</a>,
            <a href="../analysis/eval_results.csv">eval_results.csv</a>.
          </p>
        </footer>
        <script>
          ${new Html(SCRIPT)};
        </script>
      </body>
    </html> `.text;
  return fitted(last(text));
}

const asItIs = (page: string): string => page;
