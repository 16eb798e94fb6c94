// Who ran where and when: a lane a GPU, and lanes of CPU slots for what took none.
import type { CellKind } from '../../../suite/model/cell.js';
import { lastRecords, type CellRecord } from '../../read/records.js';
import type { Span } from './time-axis.js';

/** `waiting`: for its lease. `retried`: a try that failed and was made again. */
export type BarState = 'waiting' | 'running' | 'retried';

export interface Bar extends Span {
  cell: string;
  kind: CellKind;
  state: BarState;
  /** The try: 1, 2, …; null of waiting. */
  attempt: number | null;
  cause: string | null;
}

export interface Lane {
  name: string;
  bars: Bar[];
}

/** Lanes of GPUs by UUID, then as many of CPU slots as were ever taken at once. */
export function lanesOf(records: readonly CellRecord[]): Lane[] {
  const onGpu = new Map<string, Bar[]>();
  const onCpu: Bar[][] = [];
  for (const record of lastRecords(records).values()) {
    const bars = barsOf(record);
    if (record.gpus.length === 0) onCpu.push(bars);
    for (const gpu of record.gpus) onGpu.set(gpu, [...(onGpu.get(gpu) ?? []), ...bars]);
  }
  return [
    ...[...onGpu.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([uuid, bars], index) => ({ name: `GPU ${index} (${uuid.slice(0, 12)})`, bars })),
    ...slots(onCpu).map((bars, index) => ({ name: `CPU slot ${index + 1}`, bars })),
  ];
}

/** The wait of a cell, its failed tries, and the one that ended well. */
function barsOf(record: CellRecord): Bar[] {
  const { cell, kind } = record;
  const startedAt = Date.parse(record.startedAt);
  const tries = record.attempts.slice(0, -1).flatMap((attempt): Bar[] => {
    if (attempt.startedAt === null || attempt.endedAt === null) return [];
    const span = { from: Date.parse(attempt.startedAt), to: Date.parse(attempt.endedAt) };
    return [{ ...span, cell, kind, state: 'retried', attempt: attempt.number, cause: attempt.cause }];
  });
  const waits = Math.round(1000 * record.waitSeconds);
  const waiting: Bar = {
    ...{ cell, kind, state: 'waiting', attempt: null, cause: null },
    ...{ from: startedAt - waits, to: startedAt },
  };
  const last = record.attempts.at(-1)?.number ?? null;
  return [
    ...(waits > 0 ? [waiting] : []),
    ...tries,
    {
      ...{ cell, kind, state: 'running', attempt: last, cause: null },
      ...{ from: startedAt, to: Date.parse(record.endedAt) },
    },
  ];
}

/** Cells on as few lanes as leave no two running at once on one; waiting takes no slot. */
function slots(cells: readonly Bar[][]): Bar[][] {
  const lanes: { free: number; bars: Bar[] }[] = [];
  const runs = (bars: readonly Bar[]): Bar[] => bars.filter(({ state }) => state !== 'waiting');
  const start = (bars: readonly Bar[]): number => Math.min(...runs(bars).map(({ from }) => from));
  for (const bars of [...cells].sort((a, b) => start(a) - start(b))) {
    const from = start(bars);
    const end = Math.max(...runs(bars).map(({ to }) => to));
    // The lane that has been free for the shortest time: bars stay close together.
    const fitting = lanes.filter(({ free }) => free <= from).sort((a, b) => b.free - a.free)[0];
    if (fitting === undefined) lanes.push({ free: end, bars: [...bars] });
    else {
      fitting.free = end;
      fitting.bars.push(...bars);
    }
  }
  return lanes.map(({ bars }) => bars);
}
