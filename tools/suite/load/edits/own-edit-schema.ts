// An edit made elsewhere, as suite.yaml has it: `{ checkpoint: <hub id or path> }` in the list of its class.
import type { ListedClass } from '../../model/edit-spec.js';
import { nameFromSource, editNameProblem, NAME_RULE } from '../../model/names.js';
import { mapping, name, oneOf, text } from '../../yaml/schema-parts.js';
import { HUB_ID, REVISION, REVISION_RULE } from './origin-schema.js';
import { TAKEN, takenOf } from './taken-schema.js';

/** What begins so is a path; anything else is the hub's. */
const PATH = /^\.{0,2}\/./;

const SOURCE_RULE =
  'a hub id, e.g. org/model-gptq; or the directory of a model, beginning with ./ or ../ (relative to suite.yaml) or /';

export function isOwnEdit(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'checkpoint' in value;
}

export function isPath(checkpoint: string): boolean {
  return PATH.test(checkpoint);
}

/** @param listed the list it stands in; a class written beside it must say the same. */
export function ownEdit(listed: ListedClass) {
  return mapping(
    {
      checkpoint: text(SOURCE_RULE).refine((value) => isPath(value) || HUB_ID.test(value), {
        error: () => SOURCE_RULE,
      }),
      class: oneOf([listed]).optional(),
      name: name(editNameProblem, NAME_RULE).optional(),
      revision: text(REVISION_RULE, REVISION).optional(),
      ...TAKEN,
    },
    'an edited checkpoint',
  ).transform(({ checkpoint, name: given, revision, as, format }, context) => {
    const say = (key: string, message: string): void => {
      const input = { checkpoint, name: given, revision, as, format };
      context.issues.push({ code: 'custom', input, path: [key], params: { sentence: true }, message });
    };
    const edit = {
      checkpoint,
      ...takenOf({ as, format }, say),
      ...(given === undefined ? {} : { name: given }),
      ...(revision === undefined ? {} : { revision }),
    };
    if (edit.revision !== undefined && isPath(edit.checkpoint)) {
      say('revision', 'is a revision, and only a checkpoint of the hub has one');
    }
    const derived = nameFromSource(edit.checkpoint);
    const problem = edit.name === undefined ? editNameProblem(derived) : undefined;
    if (problem !== undefined) {
      const shown = JSON.stringify(derived);
      say('checkpoint', `gives the name ${shown}, which ${problem}; give it one with name:`);
    }
    return edit;
  });
}
