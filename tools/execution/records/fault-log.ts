// state/errors.json, a JSON object a line: what went wrong, also where a cell ended well after all. Its one schema and reader.
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere } from '../../base/files.js';

/** Lenient where a line of an earlier version may lack something: what it lacks is null, the rest counts. */
const lineSchema = z.looseObject({
  /** UTC, ISO-8601: when the attempt ended. */
  at: z.string(),
  cell: z.string(),
  code: z.string(),
  message: z.string(),
  attempt: z.number().nullish().transform(orNull),
  /** Workspace path. */
  log: z.string().nullish().transform(orNull),
  /** Whether the cell is tried again by itself. */
  again: z
    .boolean()
    .nullish()
    .transform((again) => again ?? false),
  /** Whether it may end well another time: `transient`, `permanent`, … */
  class: z.string().nullish().transform(orNull),
  /** Indices as nvidia-smi counts. */
  gpus: z
    .array(z.number())
    .nullish()
    .transform((gpus) => gpus ?? []),
});

type Line = z.infer<typeof lineSchema>;

/** A fault on record: the last of a cell, or one line of state/errors.json. */
export type FaultRecord = Pick<
  Line,
  'at' | 'cell' | 'code' | 'message' | 'attempt' | 'log' | 'again' | 'class' | 'gpus'
>;

export interface FaultLog {
  /** In the order of their times. */
  faults: FaultRecord[];
  /** Lines that are torn or of another kind: counted, not hidden. */
  unreadable: number;
}

export const faultLogPath = (suite: string): string => `output/${suite}/state/errors.json`;

export function readFaultLog(workspaceRoot: string, suite: string): FaultLog {
  return parseFaultLog(readIfThere(join(workspaceRoot, faultLogPath(suite))) ?? '');
}

export function parseFaultLog(text: string): FaultLog {
  const faults: FaultRecord[] = [];
  let unreadable = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const parsed = lineSchema.safeParse(asJson(line));
    if (!parsed.success) {
      unreadable += 1;
      continue;
    }
    const { at, cell, code, message, attempt, log, again, class: name, gpus } = parsed.data;
    faults.push({ at, cell, code, message, attempt, log, again, class: name, gpus });
  }
  faults.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return { faults, unreadable };
}

function orNull<T>(value: T | null | undefined): T | null {
  return value ?? null;
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
