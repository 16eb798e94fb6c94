// An edit as suite.yaml has it: its one-line notation, or a mapping with its parameters.
import { z } from 'zod';
import { EDIT_TYPES, FP4_FORMATS, notation, parseNotation, SCOPES } from '../../model/edit-spec.js';
import { editNameProblem, NAME_RULE } from '../../model/names.js';
import { isOwnEdit, ownEdit } from './own-edit-schema.js';
import { isProgram, programEdit } from './program-schema.js';
import { between, either, isText, mapping, name, oneOf, whole } from '../../yaml/schema-parts.js';

const scope = oneOf(SCOPES);
/** 1 would change nothing. */
const factorText = (): string => 'a number above 0 and below 1000000, not 1';
export const factor = z
  .number({ error: factorText })
  .gt(0, { error: factorText })
  .lt(1_000_000, { error: factorText })
  .refine((value) => value !== 1, { error: factorText });
const editBase = { name: name(editNameProblem, NAME_RULE).optional(), scope };
export const editMapping = z.discriminatedUnion(
  'type',
  [
    mapping({ type: z.literal('quant_rtn'), bits: whole(2, 8), group_size: whole(1, 1 << 20), ...editBase }),
    mapping({ type: z.literal('fp4_quant'), format: oneOf(FP4_FORMATS), ...editBase }),
    mapping({ type: z.literal('magnitude_prune'), sparsity: between(0, 1), ...editBase }),
    mapping({ type: z.literal('lowrank_svd'), rank: whole(1, 1 << 20), ...editBase }),
    mapping({ type: z.literal('gaussian_noise'), sigma: between(0, 1000), ...editBase }),
    mapping({ type: z.literal('scale'), factor, ...editBase }),
    mapping({ type: z.literal('zero_blocks'), count: whole(1, 1000), ...editBase }),
  ],
  {
    error: (issue) =>
      typeof issue.input === 'object'
        ? EDIT_TYPES.join(', ')
        : `${EDIT_TYPES.map(notation).join(', ')}, a mapping with type, its parameters and name, or one with checkpoint or command`,
  },
);
const editText = z.string().transform((value, context) => {
  const fields = parseNotation(value);
  if (!fields.ok) {
    context.issues.push({ code: 'custom', input: value, params: { sentence: true }, message: fields.error });
    return z.NEVER;
  }
  const parsed = editMapping.safeParse(fields.value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    // The place is the whole line of text; which field it is goes into the sentence.
    const field = String(issue.path[0]);
    const shown = JSON.stringify(fields.value[field]);
    const message = `${field} ${shown} is not allowed. Allowed: ${issue.message}`;
    context.issues.push({ code: 'custom', input: value, params: { sentence: true }, message });
  }
  return z.NEVER;
});
const madeHere = either(isText, editText, editMapping);

/** An edit in the list of a class. */
export function editOf(listed: 'clean' | 'stress') {
  return either(isOwnEdit, ownEdit(listed), either(isProgram, programEdit(listed), madeHere));
}
