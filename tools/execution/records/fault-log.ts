// state/errors.json, a JSON object a line: what went wrong, also where a cell ended well after all.
import { z } from 'zod';

/** A fault on record: the last of a cell, or one line of state/errors.json. */
export interface FaultRecord {
  at: string;
  cell: string;
  code: string;
  message: string;
  attempt: number | null;
  /** Workspace path. */
  log: string | null;
  /** Whether the cell was tried again by itself. */
  again: boolean;
}

const lineSchema = z.looseObject({
  at: z.string(),
  cell: z.string(),
  code: z.string(),
  message: z.string(),
  attempt: z.number().nullish(),
  log: z.string().nullish(),
  again: z.boolean().nullish(),
});

/** Records in the order of their times; lines that are torn or of another kind are counted, not hidden. */
export function parseFaultLog(text: string): { faults: FaultRecord[]; unreadable: number } {
  const faults: FaultRecord[] = [];
  let unreadable = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const parsed = lineSchema.safeParse(asJson(line));
    if (!parsed.success) {
      unreadable += 1;
      continue;
    }
    const { at, cell, code, message, attempt, log, again } = parsed.data;
    faults.push({
      ...{ at, cell, code, message, attempt: attempt ?? null, log: log ?? null },
      again: again ?? false,
    });
  }
  faults.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return { faults, unreadable };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
