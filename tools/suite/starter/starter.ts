// A new suite from what its options say: names, edits, checkpoints and benchmarks; every mistake is told at once. Pure.
import { fail, ok, type Result } from '../../base/result.js';
import { SIZE_CLASSES, type SizeClass } from '../model/cell.js';
import { editName } from '../model/edit-spec.js';
import { editNameProblem, modelNameProblem } from '../model/names.js';
import { freeName } from './free-name.js';
import { fittingRank, sizeClassOfFacts, type ModelFacts } from './model-size.js';
import {
  NO_EDITS,
  readBenchmark,
  readCheckpoint,
  readEdit,
  type ChosenCheckpoint,
  type ChosenEdit,
} from './options.js';
import { PROFILE, type Profile, type ProfileName } from './profiles.js';
import type { Starter, StarterCheckpoint, StarterModel, WrittenSource } from './text.js';

export interface StarterModelInput {
  source: WrittenSource;
  facts: ModelFacts;
  /** As its last segment names it, where the path as written does not (`..`). */
  called: string;
}

export interface StarterInput {
  name: string;
  models: readonly StarterModelInput[];
  profile?: ProfileName | undefined;
  /** Of models whose size nobody tells. */
  sizeClass?: SizeClass | undefined;
  edits?: readonly string[] | undefined;
  checkpoints?: readonly string[] | undefined;
  benchmarks?: readonly string[] | undefined;
  /** Where a checkpoint lies, as suite.yaml has it. */
  place: (source: string) => Result<{ source: WrittenSource; called: string }, string>;
}

export function starterOf(input: StarterInput): Result<Starter, string[]> {
  const problems: string[] = [];
  const taken = new Set<string>();
  const models = input.models.map(({ source, facts, called }): StarterModel => {
    const name = freeName(called, taken, modelNameProblem, 'model');
    taken.add(name);
    const known = sizeClassOfFacts(facts, called) ?? input.sizeClass;
    if (known === undefined) {
      const what = 'id' in source ? source.id : source.path;
      problems.push(
        `How large ${what} is, neither its weights nor its name tell: add --size-class (${SIZE_CLASSES.join(', ')})`,
      );
    }
    return { name, source, sizeClass: known ?? 'tiny', facts, checkpoints: [] };
  });
  const profileName =
    input.profile ?? (models.some(({ sizeClass }) => sizeClass !== 'tiny') ? 'host' : 'laptop');
  const profile = PROFILE[profileName];
  const read = <Value>(texts: readonly string[], reader: (text: string) => Result<Value, string>): Value[] =>
    texts.flatMap((text) => {
      const found = reader(text);
      if (found.ok) return [found.value];
      problems.push(found.error);
      return [];
    });

  const edits = chosenEdits(input.edits, profile, models, read);
  const checkpoints = read(input.checkpoints ?? [], (text) => readCheckpoint(text, [...taken]));
  const withCheckpoints = models.map((model) => ({
    ...model,
    checkpoints: placed(
      checkpoints.filter((one) => one.model === model.name),
      edits,
      input.place,
      problems,
    ),
  }));
  if (edits.length === 0 && checkpoints.length === 0 && problems.length === 0) {
    problems.push(`--edit ${NO_EDITS} leaves nothing to judge: add --checkpoint, or another --edit`);
  }
  const names = new Set<string>();
  const benchmarks =
    input.benchmarks === undefined || input.benchmarks.length === 0
      ? profile.benchmarks
      : read(input.benchmarks, (text) => readBenchmark(text, profile, names));
  if (problems.length > 0) return fail(problems);
  return ok({ name: input.name, profile: profileName, models: withCheckpoints, edits, benchmarks });
}

function chosenEdits(
  texts: readonly string[] | undefined,
  profile: Profile,
  models: readonly StarterModel[],
  read: (texts: readonly string[], reader: typeof readEdit) => ChosenEdit[],
): ChosenEdit[] {
  if (texts?.length === 1 && texts[0]?.trim() === NO_EDITS) return [];
  if (texts !== undefined && texts.length > 0) return read([...new Set(texts)], readEdit);
  const own = (editClass: 'clean' | 'stress'): ChosenEdit[] =>
    read(
      profile[editClass].map((text) => `${editClass}=${text}`),
      readEdit,
    );
  const facts = models.map((model) => model.facts);
  return [...own('clean'), ...own('stress')].map((edit) => {
    if (edit.spec.type !== 'lowrank_svd') return edit;
    const { rank, scope } = edit.spec;
    const share = edit.class === 'clean' ? 3 / 4 : 1 / 4;
    return {
      ...edit,
      spec: { ...edit.spec, rank: fittingRank(rank, share, scope === 'ffn' ? 'ffn' : 'all', facts) },
    };
  });
}

function placed(
  checkpoints: readonly ChosenCheckpoint[],
  edits: readonly ChosenEdit[],
  place: StarterInput['place'],
  problems: string[],
): StarterCheckpoint[] {
  const taken = new Set(
    edits.flatMap(({ spec, class: editClass }) => [
      editName(spec, editClass),
      `${editName(spec, 'ladder')}_${editClass}`,
    ]),
  );
  return checkpoints.flatMap(({ class: editClass, source }): StarterCheckpoint[] => {
    const found = place(source);
    if (!found.ok) {
      problems.push(`--checkpoint ${found.error}`);
      return [];
    }
    const name = freeName(found.value.called, taken, editNameProblem, 'checkpoint');
    taken.add(name);
    return [{ class: editClass, name, source: found.value.source }];
  });
}
