// Where each edit of a resolved suite stands in suite.yaml: below the suite or below its model, by class and number.
import { asMapping } from '../../base/json-value.js';
import type { SuiteEdit, SuiteModel } from '../model/suite.js';
import type { Path, YamlSource } from '../yaml/yaml-source.js';
import type { ReadModel } from './sections.js';

export interface EditPlace {
  edit: SuiteEdit;
  /** Of a default edit that nobody wrote: its model's. */
  path: Path;
  /** Written below the model itself. */
  own: boolean;
  /** Written anywhere. */
  given: boolean;
}

export function editPlaces(source: YamlSource, read: ReadModel, { edits }: SuiteModel): EditPlace[] {
  const clean = edits.filter((edit) => edit.class === 'clean').length;
  const ofModel: Path = ['models', read.index];
  return edits.map((edit, index) => {
    const key = edit.step === undefined ? 'edits' : 'ladders';
    const own = read.model[key] !== undefined;
    const given = own || asMapping(source.value)?.[key] !== undefined;
    const written: Path =
      edit.step === undefined
        ? [edit.class, edit.class === 'clean' ? index : index - clean]
        : [edit.step[0], 'steps', edit.step[1]];
    return { edit, path: given ? [...(own ? ofModel : []), key, ...written] : ofModel, own, given };
  });
}
