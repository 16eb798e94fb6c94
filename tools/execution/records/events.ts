// What a cell's Python process reports while it runs: JSON lines on a descriptor of their own.
import { z } from 'zod';
import { parseJson } from '../../base/json-value.js';

/** What a run may tell of itself for its receipt. */
export const toldValue = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const eventSchema = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('progress'),
    message: z.string(),
    done: z.number().optional(),
    total: z.number().optional(),
  }),
  /** A part's files are whole. */
  z.object({ event: z.literal('part'), name: z.string() }),
  z.object({
    event: z.literal('fault'),
    code: z.string(),
    message: z.string(),
    hint: z.string().default(''),
  }),
  /** Bytes; see validation/usage.py. */
  z.object({
    event: z.literal('usage'),
    peak_rss_bytes: z.number(),
    peak_gpu_bytes: z.number().nullable().default(null),
    bytes_written: z.number().nullable().default(null),
  }),
  /** From here on its time goes with the size of the model: imports and data are over. */
  z.object({ event: z.literal('started') }),
  /** So many seconds after that did not: requests were made, answers counted. */
  z.object({ event: z.literal('beside'), seconds: z.number().nonnegative() }),
  /** How the run computes: determinism, attention, batch size; see validation/compute/numerics.py. */
  z.object({ event: z.literal('settings'), values: z.record(z.string(), toldValue) }),
]);

export type CellEvent = z.infer<typeof eventSchema>;

/** An event line, or undefined for a line that is none: the protocol may grow, and noise must not end a cell. */
export function parseEvent(line: string): CellEvent | undefined {
  return parseJson(eventSchema, line);
}

/** Cuts a byte stream into lines; characters split between chunks stay whole, overlong lines are dropped. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  #rest = '';

  constructor(private readonly maxLength = 1 << 20) {}

  push(chunk: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > this.maxLength) this.#rest = '';
    return lines.filter((line) => line.length <= this.maxLength);
  }
}
