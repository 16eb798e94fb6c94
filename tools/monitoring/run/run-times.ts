// How the time of a run divides: what its cells computed, and what they waited for a GPU or CPU slot. Nx's closing figures do not
// tell these apart, and it has no setting for it. Pure.
import { durationText } from '../../base/duration.js';

/** Of one cell that the run made. */
export interface CellTime {
  waitSeconds: number;
  runSeconds: number;
}

/** Waiting is worth a line from a minute on, where it is a tenth of the cells' time. */
const NOTICED_SECONDS = 60;
const NOTICED_SHARE = 0.1;

export function timeLines(times: readonly CellTime[]): string[] {
  const sum = (of: (time: CellTime) => number): number => times.reduce((all, time) => all + of(time), 0);
  const waited = sum(({ waitSeconds }) => waitSeconds);
  const computed = sum(({ runSeconds }) => runSeconds);
  const share = waited / (waited + computed);
  if (waited < NOTICED_SECONDS || share < NOTICED_SHARE) return [];
  const cells = times.length === 1 ? '1 cell' : `${times.length} cells`;
  return [
    `  ${cells} computed for ${durationText(computed)} and waited ${durationText(waited)} (${Math.round(100 * share)} %) for a GPU or CPU slot; Nx's critical path, recoverable time and recommendations count waiting as work`,
  ];
}
