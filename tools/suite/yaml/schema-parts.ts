// Leaves of the suite schema. Each carries, as its error text, what is allowed there: diagnostics.ts builds the sentence.
import { z } from 'zod';

/** One of some words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: () => words.join(', ') });
}

export function whole(least: number, most: number) {
  const error = (): string => `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** A number strictly between two. */
export function between(above: number, below: number) {
  const error = (): string => `a number above ${above} and below ${below}`;
  return z.number({ error }).gt(above, { error }).lt(below, { error });
}

export function flag() {
  return z.boolean({ error: () => 'true, false' });
}

/** Text of one line without control characters. */
export function text(what: string, pattern = /\S/) {
  const error = (): string => what;
  return z
    .string({ error })
    .regex(pattern, { error })
    .refine((value) => !hasControls(value), { error });
}

function hasControls(value: string): boolean {
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  return /[\u0000-\u001f\u007f]/.test(value);
}

/** A name with its own rule; `problem` says what is wrong with it. */
export function name(problem: (value: string) => string | undefined, what: string) {
  return z.string({ error: () => what }).check((context) => {
    const wrong = problem(context.value);
    if (wrong === undefined) return;
    context.issues.push({ code: 'custom', input: context.value, params: { sentence: true }, message: wrong });
  });
}

/** A list; `least` items or more. */
export function list<Item extends z.ZodType>(item: Item, what: string, least = 0) {
  const error = (): string => (least > 0 ? `a list of ${what}, at least ${least}` : `a list of ${what}`);
  return z.array(item, { error }).min(least, { error });
}

/** A mapping of known settings and no others. */
export function mapping<const Shape extends z.ZodRawShape>(shape: Shape, kind = 'settings') {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? keys : `a mapping of ${kind}: ${keys}`),
  });
}

export function isText(value: unknown): boolean {
  return typeof value === 'string';
}

/** One of two forms, told apart by a look at the value, so that mistakes are those of the form meant. */
export function either<Short extends z.ZodType, Long extends z.ZodType>(
  isShort: (value: unknown) => boolean,
  short: Short,
  long: Long,
) {
  return z.unknown().transform((value, context): z.output<Short> | z.output<Long> => {
    const parsed = isShort(value) ? short.safeParse(value) : long.safeParse(value);
    if (parsed.success) return parsed.data;
    // Text comes with each issue already; only the place is still relative to this value.
    for (const issue of parsed.error.issues) {
      context.issues.push({ ...issue, path: [...issue.path], input: value } as z.core.$ZodRawIssue);
    }
    return z.NEVER;
  });
}
