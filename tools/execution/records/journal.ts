// What a run leaves for people: logs/main.log, logs/gpu_<id>.log and state/errors.json (a JSON object a line).
import { join } from 'node:path';
import { appendLine } from '../../base/append.js';
import { redact } from '../../base/text/redact.js';
import { shown } from '../../base/text/say.js';
import { faultLogPath, type FaultRecord } from './fault-log.js';

/** Append to a log of the suite. A log that cannot be written (a full disk) must not end a cell. */
export class Journal {
  readonly #root: string;
  readonly #suite: string;

  /** @param isMute in a job on another host: only the head writes logs that are shared. */
  constructor(
    workspaceRoot: string,
    suite: string,
    private readonly isMute = false,
  ) {
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

  error(record: FaultRecord): void {
    this.#append(faultLogPath(this.#suite), JSON.stringify({ ...record, message: redact(record.message) }));
  }

  #append(path: string, line: string): void {
    if (this.isMute) return;
    try {
      appendLine(join(this.#root, path), shown(line));
    } catch {
      // What it says was printed as well.
    }
  }
}

const now = (): string => new Date().toISOString();
