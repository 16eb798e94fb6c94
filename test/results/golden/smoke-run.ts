// The golden smoke run: a plan and the files of a real run, reduced to what the analysis reads (reduce.mjs).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseOutcomes } from '../../../tools/results/read/outcomes.js';
import type { FileContent } from '../../../tools/results/read/files.js';
import type { Findings } from '../../../tools/results/analysis/findings.js';
import { memoryRows } from '../../../tools/results/analysis/memory.js';
import type { VerdictPlan } from '../../../tools/results/read/expected.js';
import type { CellOptions } from '../../../tools/suite/model/cell.js';
import { requiredGiB } from '../../../tools/suite/memory/memory.js';
import { content, findingsOf } from '../builders.js';

type PlannedHere = VerdictPlan['cells'][number] & Pick<CellOptions, 'sizeClass'>;

interface Stored {
  plan: Omit<VerdictPlan, 'cells'> & { cells: PlannedHere[] };
  files: Record<string, unknown>;
}

const stored = JSON.parse(
  readFileSync(join(import.meta.dirname, 'smoke-run.json'), 'utf8'),
  (_key, value: unknown) => {
    const marked = typeof value === 'object' && value !== null && Object.keys(value).join() === 'number';
    return marked ? Number((value as { number: string }).number) : value;
  },
) as Stored;

export const SMOKE_PLAN = stored.plan;

const parsed = await Promise.all(
  Object.entries(stored.files).map(async ([path, value]): Promise<[string, FileContent]> => {
    if (!path.endsWith('.parquet')) return [path, content(value)];
    const { parquet } = value as { parquet: string };
    return [path, content(await parseOutcomes(Buffer.from(parquet, 'base64')))];
  }),
);

export function smokeFiles(): Map<string, FileContent> {
  return new Map(parsed);
}

export function smokeFindings(files: ReadonlyMap<string, FileContent> = smokeFiles()): Findings {
  const findings = findingsOf(SMOKE_PLAN, files);
  const memory = SMOKE_PLAN.cells.map(({ id, model, kind, sizeClass }) => ({
    ...{ cell: id, model, kind, sizeClass, gpus: 0, basis: 'size class' as const },
    requiredGiB: requiredGiB(kind, sizeClass),
  }));
  return { ...findings, memory: memoryRows(memory, findings.cells) };
}
