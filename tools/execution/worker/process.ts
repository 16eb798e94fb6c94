// What is asked of a Python process that works on a cell, and how it may end: types of all ways to start one.
import type { CellEvent } from '../records/events.js';

export interface PythonRun {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  /** Absolute path of a file or named pipe; stdout and stderr are appended to it. */
  log: string;
  /** 0: no limit. */
  timeoutSeconds: number;
  signal: AbortSignal;
  onStart: (pid: number) => void;
  onEvent: (event: CellEvent) => void;
}

export type PythonEnd =
  | { how: 'exit'; exitCode: number }
  | { how: 'signal'; signal: string }
  | { how: 'timeout' }
  | { how: 'cancelled' }
  | { how: 'unstartable'; message: string };
