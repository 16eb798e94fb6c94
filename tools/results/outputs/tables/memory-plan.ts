// analysis/memory_plan.csv: memory and GPUs planned for each cell, beside what its run took.
import { z } from 'zod';
import { GIB } from '../../../base/units.js';
import type { MemoryRow } from '../../analysis/memory.js';
import { column, count, csvOf, rowSchema, word, words, type Column } from './columns.js';
import { MISSING_REASONS } from './eval-results.js';

const gib = z.number().min(0).nullable();
const inGiB = (bytes: number | null | undefined): number | null =>
  bytes === null || bytes === undefined ? null : Number((bytes / GIB).toFixed(3));

/** The names of the first seven are the original script's. */
const COLUMNS: readonly Column<MemoryRow>[] = [
  column('task_id', word, 'The cell: `<project>:<target>`', (row) => row.cell),
  column(
    'status',
    words('finished', ...MISSING_REASONS),
    '`finished`, or why not (docs/results.md)',
    (row) => row.status,
  ),
  column('task_type', word, 'Kind of the cell', (row) => row.kind),
  column('model_name', word, 'Name of the model', (row) => row.model),
  column('model_size_gb', z.number().min(0), 'Memory planned for the cell in all, in GiB', (row) =>
    Number(row.requiredGiB.toFixed(3)),
  ),
  column('required_gpus', count, 'GPUs planned; 0: a CPU slot', (row) => row.gpus),
  column(
    'assigned_gpus',
    z.string().nullable(),
    'UUIDs of the GPUs it ran on, joined by `|`; empty on the CPU and before it has run',
    (row) => row.record?.gpus.join('|') ?? null,
  ),
  column('size_class', word, 'Size class of the model', (row) => row.sizeClass),
  column(
    'basis',
    words('size class', 'source', 'profile'),
    'What the figure rests on: the size class, the size of the files at the hub or in the model’s directory (source), or the profile of the downloaded weights',
    (row) => row.basis,
  ),
  column(
    'peak_gpu_torch_gb',
    gib,
    "Measured: peak of torch's tensors over its GPUs, in GiB; empty on the CPU",
    (row) => inGiB(row.record?.peakGpuBytes.torch),
  ),
  column(
    'peak_gpu_gb',
    gib,
    'Measured: peak of what was taken on its GPUs, by nvidia-smi, in GiB; empty on the CPU',
    (row) => inGiB(row.record?.peakGpuBytes.nvidiaSmi),
  ),
  column('peak_rss_gb', gib, 'Measured: peak resident set of the process, in GiB', (row) =>
    inGiB(row.record?.peakRssBytes),
  ),
];

export const memoryRowSchema = rowSchema(
  COLUMNS,
  'One row of analysis/memory_plan.csv: one planned cell, by name. Sizes are in GiB (the names are the original script’s).',
);

export function memoryPlanCsv(rows: readonly MemoryRow[]): string {
  return csvOf(COLUMNS, rows);
}
