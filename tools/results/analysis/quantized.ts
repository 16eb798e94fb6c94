// Quantized edits of a suite, checkpoints and what programs write: as what each was evaluated and judged, for whoever reads the verdict.
import type { VerdictPlan } from '../read/expected.js';

export interface QuantizedVariant {
  model: string;
  variant: string;
  as: 'dequantized' | 'quantized';
}

export function quantizedVariants({ cells }: VerdictPlan): QuantizedVariant[] {
  return cells
    .filter(({ kind }) => kind === 'adopt' || kind === 'program')
    .flatMap(({ model, parts }) =>
      parts.flatMap(({ name: variant, spec: { as } }) =>
        as === 'dequantized' || as === 'quantized' ? [{ model, variant, as }] : [],
      ),
    );
}
