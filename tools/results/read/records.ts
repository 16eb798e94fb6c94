// What receipts say of the runs behind the results: when, where, how long, how much. Figures for people, never a verdict's.
import { z } from 'zod';
import type { CellKind } from '../../suite/model/cell.js';
import type { Files } from './files.js';
import { compare } from '../../base/compare.js';
import { staysInside } from '../../base/files.js';
import type { VerdictPlan } from './expected.js';

const time = z.iso.datetime();
const bytes = z.number().min(0).nullable().catch(null);

/** Lenient where a receipt of an earlier or a later version may differ: a figure it lacks is null, the rest counts. */
const recordSchema = z.looseObject({
  startedAt: time,
  endedAt: time,
  waitSeconds: z.number().min(0),
  runSeconds: z.number().min(0),
  gpus: z.array(z.string()),
  deviceClass: z.string().catch('unknown'),
  versions: z.record(z.string(), z.string()).catch({}),
  threads: z.number().nullable().catch(null),
  gpuHeldSeconds: bytes,
  peakGpuBytes: z.looseObject({ torch: bytes, nvidiaSmi: bytes }).catch({ torch: null, nvidiaSmi: null }),
  peakRssBytes: bytes,
  bytesWritten: bytes,
  attempts: z
    .array(
      z.looseObject({
        number: z.number(),
        log: z.string().refine(staysInside),
        exitCode: z.number().nullable().catch(null),
        cause: z.string().nullable().catch(null),
        startedAt: time.nullable().catch(null),
        endedAt: time.nullable().catch(null),
        gpus: z.array(z.string()).nullable().catch(null),
      }),
    )
    .catch([]),
});

export type RunAttempt = z.infer<typeof recordSchema>['attempts'][number];

export interface CellRecord extends z.infer<typeof recordSchema> {
  cell: string;
  model: string;
  kind: CellKind;
  part: string;
}

/** One a receipt that says when its cell ran, by cell and part. A batch has one a part, of one process. */
export function cellRecords(plan: VerdictPlan, files: Files): CellRecord[] {
  return plan.cells
    .flatMap(({ id, model, kind, parts }) =>
      parts.flatMap(({ name, receipt }) => {
        const content = files.get(receipt);
        const parsed = content?.ok === true ? recordSchema.safeParse(content.value) : undefined;
        return parsed?.success === true ? [{ ...parsed.data, cell: id, model, kind, part: name }] : [];
      }),
    )
    .sort((a, b) => compare(a.cell, b.cell) || compare(a.part, b.part));
}

/** The record a cell: of a batch, whose parts end one after another, the one that ended last. */
export function lastRecords(records: readonly CellRecord[]): Map<string, CellRecord> {
  const last = new Map<string, CellRecord>();
  for (const record of records) {
    const known = last.get(record.cell);
    if (known === undefined || known.endedAt < record.endedAt) last.set(record.cell, record);
  }
  return last;
}
