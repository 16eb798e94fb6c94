// `output/<suite>/state/progress.json`: how a suite stands, for machines and for people without a terminal. Pure.
import { compare } from '../../base/compare.js';
import { z } from 'zod';

const count = z.number().int().min(0);

const countsSchema = z.object({
  total: count,
  done: count,
  running: count,
  waiting: count,
  failed: count,
  /** Neither finished, nor failed, nor with a ticket or lease: Nx has not come to it, or skips it. */
  not_started: count,
});

export type ProgressCounts = z.infer<typeof countsSchema>;

export const progressFileSchema = z.object({
  schema: z.literal(1),
  suite: z.string(),
  /** UTC, ISO-8601: when this was true. */
  at: z.string(),
  cells: countsSchema,
  models: z.record(z.string(), countsSchema),
  running: z.array(
    z.object({
      cell: z.string(),
      /** Indices as nvidia-smi counts; empty for a cell on a CPU slot. */
      gpus: z.array(z.number().int()),
      since: z.string(),
      attempt: z.number().int(),
      executor_pid: z.number().int(),
      worker_pid: z.number().int().nullable(),
    }),
  ),
  waiting: z.array(z.string()),
  failed: z.array(z.object({ cell: z.string(), why: z.string() })),
});

export type ProgressFile = z.infer<typeof progressFileSchema>;

export interface ProgressFacts {
  suite: string;
  at: string;
  /** Cells of the plan by model. */
  totals: Readonly<Record<string, number>>;
  /** Finished cells by model. */
  done: Readonly<Record<string, readonly string[]>>;
  running: ProgressFile['running'];
  waiting: readonly string[];
  failed: ProgressFile['failed'];
}

/** A cell counts once: as running, else as waiting, else as failed, else as done. */
export function progressOf(facts: ProgressFacts): ProgressFile {
  const { suite, at, totals, done } = facts;
  const running = [...facts.running].sort((a, b) => compare(a.cell, b.cell));
  const taken = new Set(running.map(({ cell }) => cell));
  const waiting = claim([...facts.waiting].sort(), taken);
  const failedNames = new Set(claim(facts.failed.map(({ cell }) => cell).sort(), taken));
  const failed = facts.failed
    .filter(({ cell }) => failedNames.has(cell))
    .sort((a, b) => compare(a.cell, b.cell));
  const models = Object.fromEntries(
    Object.entries(totals).map(([model, total]) => {
      const of = (cells: readonly string[]): number => cells.filter((cell) => modelOf(cell) === model).length;
      const counts = {
        total,
        done: new Set((done[model] ?? []).filter((cell) => !taken.has(cell))).size,
        running: of(running.map(({ cell }) => cell)),
        waiting: of(waiting),
        failed: failed.filter(({ cell }) => modelOf(cell) === model).length,
      };
      const started = counts.done + counts.running + counts.waiting + counts.failed;
      return [model, { ...counts, not_started: Math.max(0, total - started) }] as const;
    }),
  );
  return { schema: 1, suite, at, cells: sum(Object.values(models)), models, running, waiting, failed };
}

/** `smoke.tiny-dense.edits:edit` → `tiny-dense`. */
export function modelOf(cell: string): string {
  return cell.split(':')[0]?.split('.')[1] ?? '';
}

function claim(cells: readonly string[], taken: Set<string>): string[] {
  const claimed: string[] = [];
  for (const cell of cells) {
    if (taken.has(cell)) continue;
    taken.add(cell);
    claimed.push(cell);
  }
  return claimed;
}

function sum(counts: readonly ProgressCounts[]): ProgressCounts {
  const total = (key: keyof ProgressCounts): number => counts.reduce((all, one) => all + one[key], 0);
  return {
    total: total('total'),
    done: total('done'),
    running: total('running'),
    waiting: total('waiting'),
    failed: total('failed'),
    not_started: total('not_started'),
  };
}
