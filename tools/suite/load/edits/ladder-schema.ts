// A ladder as suite.yaml has it: one edit or error, what varies, and the steps; each step is read as an edit of its own is.
import { z } from 'zod';
import { EDIT_PARAMETERS, EDIT_TYPES, type EditSpec } from '../../model/edit-spec.js';
import { ERROR_STRENGTHS, type ErrorStep } from '../../model/suite.js';
import { list, oneOf } from '../../yaml/schema-parts.js';
import { editMapping, factor } from './edit-schema.js';

export type LadderStep = { edit: EditSpec } | { error: ErrorStep };

type Raw = Readonly<Record<string, unknown>>;
/** Tells a mistake. */
type Say = (issue: Record<string, unknown>) => void;
type Words = readonly [string, ...string[]];
/** Reads a value at a place of the ladder; undefined once its mistakes are told. */
type Read = <Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  path: PropertyKey[],
) => z.output<Schema> | undefined;

const WHAT = 'a mapping of a ladder: edit or error, vary, steps, and the other parameters of the edit';

/** The steps of a ladder, in the order written. */
export const ladder = z.unknown().transform((value, context): LadderStep[] => {
  const say: Say = (issue) => {
    context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
  };
  const read: Read = (schema, given, path) => {
    const parsed = schema.safeParse(given);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) say({ ...issue, path: [...path, ...issue.path] });
    return undefined;
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    say({ code: 'custom', path: [], message: WHAT });
    return z.NEVER;
  }
  const raw = value as Raw;
  if ((raw.edit === undefined) === (raw.error === undefined)) {
    say({ code: 'custom', path: [], message: 'exactly one of edit and error, with vary and steps' });
    return z.NEVER;
  }
  return (raw.edit === undefined ? errorSteps(raw, read, say) : editSteps(raw, read, say)) ?? z.NEVER;
});

function errorSteps(raw: Raw, read: Read, say: Say): LadderStep[] | undefined {
  unknownKeys(raw, ['error', 'vary', 'steps'], say);
  const type = read(oneOf(Object.keys(ERROR_STRENGTHS) as [ErrorStep['type']]), raw.error, ['error']);
  const steps = read(list(z.unknown(), 'strengths', 2), raw.steps, ['steps']);
  if (type === undefined) return undefined;
  const vary = read(oneOf([ERROR_STRENGTHS[type]]), raw.vary, ['vary']);
  const factors = steps?.map((step, index) => read(factor, step, ['steps', index]));
  if (vary === undefined || factors === undefined) return undefined;
  return factors.flatMap((one) => (one === undefined ? [] : { error: { type, factor: one } }));
}

function editSteps(raw: Raw, read: Read, say: Say): LadderStep[] | undefined {
  const type = read(oneOf(EDIT_TYPES as [EditSpec['type']]), raw.edit, ['edit']);
  const steps = read(list(z.unknown(), 'strengths', 2), raw.steps, ['steps']);
  if (type === undefined) return undefined;
  const parameters = EDIT_PARAMETERS[type];
  const vary = read(oneOf(parameters.filter((one) => one !== 'scope') as unknown as Words), raw.vary, [
    'vary',
  ]);
  if (vary === undefined || steps === undefined) return undefined;
  const fixed = parameters.filter((one) => one !== vary);
  unknownKeys(raw, ['edit', 'vary', 'steps', ...fixed], say);
  const rest = Object.fromEntries(fixed.map((one) => [one, raw[one]]));
  return steps.flatMap((step, index): LadderStep[] => {
    const parsed = editMapping.safeParse({ type, ...rest, [vary]: step });
    if (parsed.success) return [{ edit: parsed.data }];
    for (const issue of parsed.error.issues) {
      if (issue.path[0] === vary) say({ ...issue, path: ['steps', index, ...issue.path.slice(1)] });
      // What all steps share is told once.
      else if (index === 0) say({ ...issue });
    }
    return [];
  });
}

function unknownKeys(raw: Raw, allowed: readonly string[], say: Say): void {
  const keys = Object.keys(raw).filter((key) => !allowed.includes(key));
  if (keys.length > 0) say({ code: 'unrecognized_keys', keys, path: [], message: allowed.join(', ') });
}
