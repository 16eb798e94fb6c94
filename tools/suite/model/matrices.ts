// Which tensors of a model are matrices to edit, declared in suite.yaml where Python has no table for its architecture.
import { z } from 'zod';
import type { JsonObject } from '../../base/json-value.js';
import { either, flag, list, mapping, text, whole } from '../yaml/schema-parts.js';

const TENSOR =
  /^(?=.*\{block\})(?!.*\{block\}.*\{block\})(?!.*\{expert\}.*\{expert\})(?:[\w.-]|\{block\}|\{expert\})+$/;
const tensor = text(
  "a tensor's name with {block} in place of its block's number (and {expert} of its expert's), e.g. model.layers.{block}.mlp.up_proj.weight",
  TENSOR,
);
// A letter first: a mapping's keys keep their order only where they do not look like numbers.
const PART = /^[A-Za-z]\w*$/;
const partName = text('a word, e.g. gate', PART);
const parts = either(
  Array.isArray,
  list(partName, 'words, e.g. [gate, up]', 2),
  z.record(partName, whole(1, 1 << 20), {
    error: () =>
      'a list of words, or a mapping of words to their shares of the rows, e.g. {q: 4, k: 1, v: 1}',
  }),
).transform((given): [string, number][] =>
  Array.isArray(given) ? given.map((word) => [word, 1]) : Object.entries(given),
);

const declared = mapping(
  {
    tensor,
    transposed: flag().default(false),
    experts: flag().default(false),
    parts: parts
      .refine((given) => new Set(given.map(([word]) => word)).size === given.length, {
        error: () => 'parts of different names',
      })
      .optional(),
    groups: whole(1, 1 << 20).default(1),
  },
  'a tensor',
).refine(({ parts: given, groups }) => given !== undefined || groups === 1, {
  path: ['groups'],
  error: () => 'groups only beside parts',
});

const tensors = list(
  either(
    (value) => typeof value === 'string',
    tensor.transform((given) => ({ tensor: given, transposed: false, experts: false, groups: 1 })),
    declared,
  ),
  'tensors',
).default([]);

export const matricesSchema = mapping({ attn: tensors, ffn: tensors }).refine(
  ({ attn, ffn }) => attn.length + ffn.length > 0,
  { error: () => 'at least one tensor under attn or ffn' },
);

/** As `families.py` reads them. Lists, for the order of parts is that of their rows. */
export function matricesSpec({ attn, ffn }: z.output<typeof matricesSchema>): JsonObject {
  const rows = (given: typeof attn) =>
    given.map((one) => ({ ...one, parts: 'parts' in one ? (one.parts ?? []) : [] }));
  return { attn: rows(attn), ffn: rows(ffn) };
}
