// A run many times as large: each model of a real one several times, under names of its own.
import type { Findings } from '../../../tools/results/analysis/findings.js';

export function manyTimes({ analysis, ...rest }: Findings, times: number): Findings {
  const copies = Array.from({ length: times }, (_, copy) => copy);
  const renamed = (model: string, copy: number): string => (copy === 0 ? model : `${model}-${copy}`);
  const models = <T extends { model: string }>(rows: readonly T[]): T[] =>
    copies.flatMap((copy) => rows.map((row) => ({ ...row, model: renamed(row.model, copy) })));
  /** `smoke.tiny-moe.edits:edit` → `smoke.tiny-moe-3.edits:edit`. */
  const cells = <T extends { cell: string }>(rows: readonly T[]): T[] =>
    copies.flatMap((copy) =>
      rows.map((row) => {
        const [suite = '', model = '', ...others] = row.cell.split('.');
        return { ...row, cell: [suite, renamed(model, copy), ...others].join('.') };
      }),
    );
  return {
    ...rest,
    cells: cells(rest.cells),
    records: cells(rest.records),
    memory: cells(models(rest.memory).slice(0, rest.memory.length)),
    analysis: {
      ...analysis,
      models: copies.flatMap((copy) => analysis.models.map((model) => renamed(model, copy))),
      edits: models(analysis.edits),
      errors: models(analysis.errors),
      certificates: models(analysis.certificates),
      judges: analysis.judges.map((judge) => ({
        ...judge,
        curve: judge.curve === null ? null : { ...judge.curve, variants: models(judge.curve.variants) },
      })),
    },
  };
}
