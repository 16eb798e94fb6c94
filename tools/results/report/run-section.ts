// How the run went: cells with their times and memory, faults, settings and versions.
import { GIB } from '../../base/units.js';
import type { CellResult } from '../analysis/cell-results.js';
import type { Findings } from '../analysis/findings.js';
import type { HistoryEntry } from '../outputs/history.js';
import type { FaultRecord } from '../../execution/records/fault-log.js';
import { durationText } from './drawing/charts.js';
import type { Figure } from './figure.js';
import { trendChart } from './drawing/trend.js';
import { html, type Html } from './drawing/html.js';
import { command, fileLink, type Links, section, sortable, type TableColumn } from './parts.js';

const gib = (bytes: number | null | undefined): string =>
  bytes === null || bytes === undefined ? '' : (bytes / GIB).toFixed(2);

export function cellsTable({ cells }: Findings, links: Links): Html {
  const seconds = (
    name: string,
    value: (state: CellResult) => number | null | undefined,
  ): TableColumn<CellResult> => ({
    ...{ name, number: true },
    show: (state) => {
      const figure = value(state);
      return figure === null || figure === undefined ? '' : durationText(figure);
    },
    sort: (state) => value(state) ?? null,
  });
  const memory = (
    name: string,
    value: (state: CellResult) => number | null | undefined,
  ): TableColumn<CellResult> => ({
    ...{ name, number: true },
    show: (state) => gib(value(state)),
  });
  const hasGpu = cells.some(({ record }) => (record?.gpus.length ?? 0) > 0);
  return sortable<CellResult>(
    cells,
    [
      { name: 'cell', show: ({ cell }) => cell },
      { name: 'state', show: stateText },
      seconds('waited', ({ record }) => record?.waitSeconds),
      seconds('ran', ({ record }) => record?.runSeconds),
      ...(hasGpu
        ? [
            seconds('GPU held', ({ record }) => record?.gpuHeldSeconds),
            memory('GPU peak, torch, GiB', ({ record }) => record?.peakGpuBytes.torch),
            memory('GPU peak, GiB', ({ record }) => record?.peakGpuBytes.nvidiaSmi),
          ]
        : []),
      memory('RSS peak, GiB', ({ record }) => record?.peakRssBytes),
      memory('written, GiB', ({ record }) => record?.bytesWritten),
      {
        name: 'attempts',
        number: true,
        show: ({ record }) => record?.attempts.length ?? '',
      },
      {
        name: 'log',
        show: ({ record }) => {
          const log = record?.attempts.at(-1)?.log;
          return log === undefined ? '' : fileLink(links, log, 'log');
        },
      },
    ],
    { id: 'cell-table', label: 'Cells', file: 'junit.xml', tall: true, finds: 'Find a cell or a state' },
  );
}

function stateText({ status, detail }: CellResult): Html | string {
  if (status === 'finished') return 'finished';
  return html`<span
    class="tag ${status === 'not_run' || status === 'stale' ? 'warn' : 'bad'}"
    title="${detail}"
    >${status.replace('_', ' ')}</span
  >`;
}

export function faultsSection({ analysis, faults, unreadableFaults }: Findings, links: Links): Html {
  const torn =
    unreadableFaults > 0 &&
    html`<p>
      ${unreadableFaults} lines of <span class="path">output/${analysis.suite}/state/errors.json</span> cannot
      be read.
    </p>`;
  if (faults.length === 0) {
    return section('faults', 'Faults', html`<p>None on record.</p>`, torn);
  }
  return section(
    'faults',
    'Faults',
    torn,
    sortable<FaultRecord>(
      faults,
      [
        { name: 'time (UTC)', show: ({ at }) => at.slice(0, 19).replace('T', ' ') },
        { name: 'cell', show: ({ cell }) => cell },
        { name: 'cause', show: ({ code }) => code },
        { name: 'what', show: ({ message }) => message },
        { name: 'attempt', number: true, show: ({ attempt }) => attempt },
        { name: 'tried again', show: ({ again }) => (again ? 'yes' : 'no') },
        {
          name: 'log',
          show: ({ log }) => (log === null ? '' : fileLink(links, log, 'log')),
        },
      ],
      {
        id: 'fault-table',
        label: 'Faults',
        file: '../state/errors.json',
        tall: true,
        finds: 'Find a cell, a cause, a word',
      },
    ),
  );
}

/** A model's settings as its cells have them. */
export interface ModelSettings {
  model: string;
  /** Name and value, in order. */
  settings: [string, string][];
}

export function settingsSection({ analysis, records }: Findings, models: readonly ModelSettings[]): Html {
  const names = [...new Set(models.flatMap(({ settings }) => settings.map(([name]) => name)))];
  const versions = distinct(
    records.flatMap((record) =>
      Object.entries(record.versions).map(([name, version]) => `${name} ${version}`),
    ),
  );
  const devices = distinct(records.map(({ deviceClass }) => deviceClass));
  const orders = analysis.guards.map(
    ({ order, notRun }) =>
      `${order.join(', ')}${notRun.length === 0 ? '' : ` (not run: ${notRun.join(', ')})`}`,
  );
  return section(
    'settings',
    'Settings and versions',
    html`<p>
        Versions: ${versions.join(', ') || 'none on record'}. Devices:
        ${devices.join(', ') || 'none on record'}.
      </p>
      <p>Guard order: ${orders.join('; ') || 'none'}.</p>`,
    html`<div class="scroll" tabindex="0" role="region" aria-label="Settings by model">
      <table>
        <thead>
          <tr>
            <th scope="col">setting</th>
            ${models.map(({ model }) => html`<th scope="col">${model}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${names.map(
            (name) =>
              html`<tr>
                <th scope="row">${name}</th>
                ${models.map(({ settings }) => html`<td>${settings.find(([own]) => own === name)?.[1] ?? ''}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`,
    html`<h3>Again</h3>
      ${command(`npx nx run ${analysis.suite}:certify`)}${command(`npx nx run ${analysis.suite}:report`)}`,
  );
}

/** Newest first; nothing while there is only one. */
export function historySection(history: readonly HistoryEntry[], figure: Figure): Html | null {
  if (history.length < 2) return null;
  const share = ({ hits, of }: { hits: number; of: number }): string => `${hits} of ${of}`;
  return section(
    'history',
    'Earlier findings',
    html`<p>Every complete run whose finding differed from the one before, the newest first.</p>`,
    figure(trendChart(history)),
    sortable<HistoryEntry>(
      [...history].reverse(),
      [
        { name: 'last cell ended (UTC)', show: ({ at }) => at.slice(0, 16).replace('T', ' ') },
        { name: 'finding', show: ({ status, sentence }) => `${status}: ${sentence}` },
        { name: 'harmful flagged', number: true, show: ({ sensitivity }) => share(sensitivity) },
        { name: 'harmless left alone', number: true, show: ({ specificity }) => share(specificity) },
        { name: 'errors flagged', number: true, show: ({ error_detection }) => share(error_detection) },
      ],
      { id: 'history-table', label: 'Earlier findings', file: 'history.jsonl', tall: true },
    ),
  );
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
