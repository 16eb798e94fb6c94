// Reads a table of outcomes (Parquet, zstd) into columns; the library is loaded by whoever has such a table only.
import { z } from 'zod';
import type { Outcomes } from './outcome-table.js';

const text = z.array(z.string());
const whole = z.array(z.number().int());
const columnsSchema = z.object({
  benchmark: text,
  task: text,
  doc_hash: text,
  prompt_hash: text,
  metric: text,
  correct: z.array(z.boolean()),
  gold: whole,
  loglikelihoods: z.array(z.array(z.custom<number>((value) => typeof value === 'number'))),
});
const COLUMNS = Object.keys(columnsSchema.shape) as (keyof typeof columnsSchema.shape)[];

/** Figures by task or benchmark, as the writer of the table notes them. */
const askedSchema = z.object({
  batch_size: z.record(z.string(), z.unknown()).default({}),
  num_fewshot: z.record(z.string(), z.unknown()).default({}),
  limit: z.record(z.string(), z.unknown()).default({}),
  lm_eval_version: z.unknown().default(null),
});

/** @throws Error that says what is wrong with the table */
export async function parseOutcomes(bytes: Uint8Array): Promise<Outcomes> {
  const [{ parquetMetadataAsync, parquetReadObjects }, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet-compressors'),
  ]);
  const buffer = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(buffer).set(bytes);
  const file = {
    byteLength: buffer.byteLength,
    slice: (from: number, to?: number) => buffer.slice(from, to),
  };
  const metadata = await parquetMetadataAsync(file);
  const rows = await parquetReadObjects({ file, metadata, compressors, columns: COLUMNS });
  const columns = columnsSchema.parse(
    Object.fromEntries(COLUMNS.map((name) => [name, rows.map((row) => row[name] as unknown)])),
  );
  const noted = Object.fromEntries(
    (metadata.key_value_metadata ?? [])
      .filter(({ key }) => key in askedSchema.shape)
      .map(({ key, value }) => [key, JSON.parse(value ?? 'null') as unknown]),
  );
  return {
    benchmark: columns.benchmark,
    task: columns.task,
    docHash: columns.doc_hash,
    promptHash: columns.prompt_hash,
    metric: columns.metric,
    correct: columns.correct,
    gold: columns.gold,
    logLikelihoods: columns.loglikelihoods,
    asked: askedByBenchmark(columns, askedSchema.parse(noted)),
  };
}

/** How each benchmark was asked; one file may hold several, and the other arm another choice of them. */
function askedByBenchmark(
  { benchmark, task }: Pick<z.infer<typeof columnsSchema>, 'benchmark' | 'task'>,
  { batch_size: batches, num_fewshot: shots, limit, lm_eval_version: version }: z.infer<typeof askedSchema>,
): Outcomes['asked'] {
  const tasks = new Map<string, Set<string>>();
  benchmark.forEach((name, row) => tasks.set(name, (tasks.get(name) ?? new Set()).add(task[row] ?? '')));
  return Object.fromEntries(
    [...tasks].map(([name, ones]) => {
      const shotsOf = [...ones].sort().map((one) => [one, shots[one] ?? null]);
      return [
        name,
        {
          batch_size: JSON.stringify(batches[name] ?? null),
          num_fewshot: JSON.stringify(Object.fromEntries(shotsOf)),
          limit: JSON.stringify(limit[name] ?? null),
          lm_eval_version: JSON.stringify(version ?? null),
        },
      ];
    }),
  );
}
