// A plan for people: what runs and why, how long, how much disk, the memory table, what will not fit.
import { GIB, sizeText } from '../../base/units.js';
import type { MemoryRow } from '../../suite/memory/memory-plan.js';
import { additionOf, type Addition } from '../../suite/plan/original.js';
import { basisText } from '../../execution/store/disk-plan.js';
import type { PlanReport } from './report.js';

export function planText(report: PlanReport, verbose = false): string[] {
  const count = (state: string): number => report.cells.filter((cell) => cell.state === state).length;
  return [
    `${report.suite}: ${report.cells.length} cells: ${finished(report, count('cached'))}, ${count('to run')} to run, ${count('blocked')} blocked`,
    ...cacheText(report, count('to run')),
    ...beyondOriginal(report),
    '',
    ...table(
      ['kind', report.restored === null ? 'finished' : 'finished or restored', 'to run', 'blocked'],
      Object.entries(report.byKind).map(([kind, row]) => [
        kind,
        String(row.cached),
        String(row['to run']),
        String(row.blocked),
      ]),
    ),
    ...section('why they run', reasons(report, 'to run', verbose)),
    ...section('blocked', reasons(report, 'blocked', verbose)),
    ...(report.cells.length === count('cached')
      ? ['', 'nothing runs: every cell has its results']
      : [...section('time', [timeText(report)]), ...section('disk', [diskText(report)])]),
    ...section(
      'memory, in GiB (profile: from its files here; source: from their sizes at the hub or in its directory; name: the last resort, from its name)',
      memoryTable(report.memory),
    ),
    ...section('will not fit on this host', unfitText(report)),
    ...section('warnings', report.warnings),
  ];
}

function finished({ restored }: PlanReport, count: number): string {
  if (restored === null) return `${count} finished`;
  return `${count - restored.length} finished, ${restored.length} restored from Nx's cache`;
}

/** What the cache may change of it. */
function cacheText({ suite, restored }: PlanReport, toRun: number): string[] {
  if (toRun === 0) return [];
  return restored === null
    ? [`  Nx's cache may have some of those to run: npx nx run ${suite}:plan --cache asks it`]
    : [
        "  Nx's cache has none of those to run; behind another that runs, it may when that has come out as before",
      ];
}

/** What this suite does that the original script does not, so that its plan can be counted against that. */
function beyondOriginal({ cells }: PlanReport): string[] {
  const count = (what: Addition): number => cells.filter(({ id }) => additionOf(id) === what).length;
  const added = (Object.entries(ADDED) as [Addition, string][]).flatMap(([what, plural]) =>
    count(what) === 0 ? [] : [[count(what), count(what) === 1 ? what : plural] as const],
  );
  if (added.length === 0) return [];
  const originals = cells.filter(({ id }) => additionOf(id) === undefined).length;
  return [
    `  ${originals} of them as the original script has, and ${added.map(([n, what]) => `${n} ${what}`).join(', ')}`,
  ];
}

const ADDED: Record<Addition, string> = {
  'fetch of the data': 'fetches of the data',
  'baseline report': 'baseline reports',
  'evaluation of an error': 'evaluations of errors',
  'null run': 'null runs',
  'cell of a ladder': 'cells of ladders',
  'cell of a judge': 'cells of judges',
};

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => `  ${line}`)];
}

const SHOWN = 5;

/** Cells by reason; the first few by name, all of them when asked. */
function reasons(report: PlanReport, state: string, verbose: boolean): string[] {
  const byReason = new Map<string, string[]>();
  for (const cell of report.cells) {
    if (cell.state !== state) continue;
    byReason.set(cell.reason, [...(byReason.get(cell.reason) ?? []), cell.id]);
  }
  return [...byReason].flatMap(([reason, ids]) => {
    const shown = verbose || ids.length <= SHOWN ? ids : ids.slice(0, SHOWN - 2);
    const rest = ids.length - shown.length;
    const more = rest > 0 ? [`  and ${rest} more (--verbose names them)`] : [];
    return [`${ids.length} × ${reason}`, ...shown.map((id) => `  ${id}`), ...more];
  });
}

/** By model: the cells themselves stand under "blocked". */
function unfitText({ willNotFit }: PlanReport): string[] {
  const count = new Map<string, number>();
  for (const line of willNotFit) {
    const model = line.split('.')[1] ?? '';
    count.set(model, (count.get(model) ?? 0) + 1);
  }
  return [...count].map(([model, cells]) => `${model}: ${cells} cells`);
}

function timeText({ time, host }: PlanReport): string {
  const on =
    host.gpus === 0
      ? `${host.cpuSlots} CPU slots (no GPU here; for a host with GPUs: NUM_GPUS=8 GPU_MEMORY_GB=180)`
      : `${host.gpus} GPUs of ${host.usableGiBPerGpu.toFixed(0)} GiB${host.assumed ? ' (assumed)' : ''}`;
  const work = host.gpus === 0 ? '' : `${time.gpuHours.toFixed(1)} GPU-hours of work, `;
  return `${work}about ${duration(time.hours)} on ${on}; no schedule takes less than ${duration(time.atLeastHours)}. ${basis(time)}`;
}

function basis({ cells, measuredCells, scaledCells }: PlanReport['time']): string {
  const estimated = cells - measuredCells - scaledCells;
  if (estimated === cells) return 'Rough: nothing was measured yet, all goes by weights and kind.';
  const by: [number, string][] = [
    [measuredCells, 'by what their kind took on their model (medians)'],
    [scaledCells, 'by what it took on another model, in proportion to the sizes'],
    [estimated, 'by weights and kind'],
  ];
  const parts = by.filter(([count]) => count > 0).map(([count, how]) => `${count} ${how}`);
  return `Of ${cells} cells ${parts.join(', ')}.`;
}

function duration(hours: number): string {
  return hours >= 1 ? `${hours.toFixed(1)} h` : `${(hours * 60).toFixed(0)} min`;
}

function diskText({ disk }: PlanReport): string {
  const sizes = `${gib(disk.wantedGiB)} of weights at the peak (downloads included, storage.keep: ${disk.keep}) in ${disk.path}${basisText(disk.byName)}`;
  if (disk.freeGiB === null) return `${sizes}; ${gib(disk.minFreeGiB)} stay free`;
  const free = `${gib(disk.freeGiB)} free, ${gib(disk.minFreeGiB)} stay free`;
  if (disk.withoutDisk.length > 0) {
    const keep = disk.keep === 'all' ? ', or set storage.keep: baselines' : '';
    return `${sizes}; ${free}: NOT ENOUGH for ${disk.withoutDisk.length} of the cells; free some${keep}`;
  }
  const waits = `: enough for ${gib(disk.peakGiB)} at a time, cells that write weights wait for others to go`;
  return `${sizes}; ${free}${disk.peakGiB < disk.wantedGiB ? waits : ''}`;
}

const gib = (size: number): string => sizeText(size * GIB);

function memoryTable(rows: readonly MemoryRow[]): string[] {
  if (rows.length === 0) return [];
  return table(
    ['model', 'task', 'cells', 'from', 'weights', 'required', 'GPUs', 'each', 'host RAM', ''],
    rows.map((row) => [
      row.model,
      row.task,
      String(row.cells),
      row.from,
      row.weightsGiB.toFixed(1),
      row.requiredGiB.toFixed(1),
      row.device === 'host' ? '-' : String(row.gpus),
      row.device === 'host' ? '-' : row.gibPerGpu.toFixed(1),
      row.hostRamGiB.toFixed(1),
      row.fits ? row.note : 'DOES NOT FIT',
    ]),
  );
}

/** Columns in line; those of numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const right = head.map((_, column) => rows.every((row) => /^[\d.-]*$/.test(row[column] ?? '')));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) =>
        right[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}
