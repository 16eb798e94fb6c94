// A name for a model, checkpoint or benchmark that has none: that of its source, made allowed and unlike the others.
import { nameFromSource } from '../model/names.js';

/** Shorter than a name may be: a word before it and a number after it must fit. */
const LONGEST = 60;

/** `kind`: stands before a name that is reserved, and for one that nothing is left of. */
export function freeName(
  source: string,
  taken: ReadonlySet<string>,
  problem: (name: string) => string | undefined,
  kind: string,
): string {
  const whole = nameFromSource(source);
  const base = problem(whole) === undefined ? whole : whole.replace(/^[_-]+/, '').slice(0, LONGEST);
  const name = base === '' ? kind : problem(base) === undefined ? base : `${kind}-${base}`;
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) {
    const next = `${name.slice(0, LONGEST + kind.length + 1)}-${number}`;
    if (!taken.has(next)) return next;
  }
}
