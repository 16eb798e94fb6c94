// The sizes of models that a setup makes from facts, before it has: suite.yaml says what they are made of. For times, not for
// memory, of which a tiny model takes mostly what is none of its weights.
import { asMapping } from '../../base/json-value.js';
import { GIB } from '../../base/units.js';
import type { CellOptions } from '../model/cell.js';
import type { KnownSize } from './memory.js';

/** By model: of its profile, once its setup has written one. */
export function knownSizes(
  cells: Parameters<typeof factsSizes>[0],
  profiles: ReadonlyMap<string, KnownSize>,
): ReadonlyMap<string, KnownSize> {
  return new Map([...factsSizes(cells), ...profiles]);
}

/** By model; of bfloat16, without the small vocabulary. */
export function factsSizes(
  cells: readonly Pick<CellOptions, 'kind' | 'model' | 'parts'>[],
): ReadonlyMap<string, KnownSize> {
  return new Map(
    cells.flatMap(({ kind, model, parts }) => {
      const source = kind === 'setup' ? asMapping(parts[0]?.spec.source) : undefined;
      return source?.type === 'facts' ? [[model, sizeOf(source)] as const] : [];
    }),
  );
}

function sizeOf(source: Record<string, unknown>): KnownSize {
  const number = (key: string, otherwise: number): number => {
    const value = source[key];
    return typeof value === 'number' ? value : otherwise;
  };
  const layers = number('num_layers', 1);
  const hidden = number('hidden_size', 1);
  const attention = 4 * hidden ** 2;
  const expert = 3 * hidden * number('intermediate_size', 1);
  const gib = (experts: number): number => (2 * layers * (attention + experts * expert)) / GIB;
  return {
    weightsGiB: gib(number('num_experts', 1)),
    activeGiB: gib(number('experts_per_token', 1)),
    layers,
  };
}
