// What one gate says of a variant over its runs: the majority's word.
import type { Gate } from '../certificates/gates.js';
import type { CertificateRow } from '../certificates/rows.js';
import type { Tri } from '../statistics/tri.js';

/** Undefined: the guard was not to run. */
export function gateFlag(
  all: readonly Pick<CertificateRow, 'repeats' | 'judgement'>[],
  gate: Gate,
): Tri | undefined {
  const runs = all.filter(({ repeats }) => repeats === null);
  const statuses = runs.map(({ judgement }) => judgement?.gates[gate] ?? 'missing');
  if (statuses.every((status) => status === 'not_run' || status === 'not_evaluated')) return undefined;
  return mostOf(statuses.map((status) => (status === 'fail' ? true : status === 'pass' ? false : null)));
}

/** Of an even split it did not flag. */
export function mostOf(flags: readonly Tri[]): Tri {
  if (2 * flags.filter((flag) => flag === true).length > flags.length) return true;
  const passed = flags.filter((flag) => flag === false).length;
  return flags.length > 0 && 2 * passed >= flags.length ? false : null;
}
