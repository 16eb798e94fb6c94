// What a run leaves for people: logs/main.log, logs/gpu_<id>.log and state/errors.json (a JSON object a line).
import { join } from 'node:path';
import { z } from 'zod';
import { appendLine } from '../../base/append.js';
import { readIfThere } from '../../base/files.js';
import { redact } from '../../base/redact.js';

export interface ErrorRecord {
  /** When the attempt ended. */
  at: string;
  cell: string;
  attempt: number | null;
  code: string;
  class: string;
  message: string;
  log: string | null;
  /** Indices as nvidia-smi counts. */
  gpus: number[];
  /** Whether the cell is tried again by itself. */
  again: boolean;
}

const schema = z.object({
  at: z.string(),
  cell: z.string(),
  attempt: z.number().nullable(),
  code: z.string(),
  class: z.string(),
  message: z.string(),
  log: z.string().nullable(),
  gpus: z.array(z.number()),
  again: z.boolean(),
});

export const errorsPath = (suite: string): string => `output/${suite}/state/errors.json`;

/** Append to a log of the suite. A log that cannot be written (a full disk) must not end a cell. */
export class Journal {
  readonly #root: string;
  readonly #suite: string;

  constructor(workspaceRoot: string, suite: string) {
    this.#root = workspaceRoot;
    this.#suite = suite;
  }

  main(cell: string, line: string): void {
    this.#append(`output/${this.#suite}/logs/main.log`, `${now()} ${cell}: ${line}`);
  }

  /** What a GPU does, by its index. */
  gpus(indices: readonly number[], cell: string, line: string): void {
    for (const index of indices) {
      this.#append(`output/${this.#suite}/logs/gpu_${index}.log`, `${now()} ${cell}: ${line}`);
    }
  }

  error(record: ErrorRecord): void {
    this.#append(errorsPath(this.#suite), JSON.stringify({ ...record, message: redact(record.message) }));
  }

  #append(path: string, line: string): void {
    try {
      appendLine(join(this.#root, path), redact(line));
    } catch {
      // What it says was printed as well.
    }
  }
}

const now = (): string => new Date().toISOString();

/** Every readable record, the oldest first; torn lines are none. */
export function readErrors(workspaceRoot: string, suite: string): ErrorRecord[] {
  const text = readIfThere(join(workspaceRoot, errorsPath(suite))) ?? '';
  return text.split('\n').flatMap((line) => {
    try {
      return schema.parse(JSON.parse(line));
    } catch {
      return [];
    }
  });
}
