// What --edit, --checkpoint and --benchmark say, read one by one: a value or a sentence with what is allowed. Pure.
import { fail, ok, type Result } from '../../base/result.js';
import { editOf } from '../load/edits/edit-schema.js';
import { EDIT_TYPES, notation, type EditSpec, type ListedClass } from '../model/edit-spec.js';
import { benchmarkNameProblem } from '../model/names.js';
import type { Benchmark } from '../model/suite.js';
import { freeName } from './free-name.js';
import { PROFILE, type Profile } from './profiles.js';

export const NO_EDITS = 'none';

export interface ChosenEdit {
  class: ListedClass;
  spec: EditSpec;
}

export interface ChosenCheckpoint {
  class: ListedClass;
  /** By its name. */
  model: string;
  /** As written: a hub id or a path. */
  source: string;
}

const CLASSES: readonly string[] = ['clean', 'stress'] satisfies ListedClass[];
/** Neither edits nor hub ids have a `=`, and paths begin with a dot or slash. */
const LABEL = /^(\w[\w-]*)=(.*)$/s;

export function readEdit(text: string): Result<ChosenEdit, string> {
  const { labels, rest } = labelsOf(text);
  const wrong = labels.find((label) => !CLASSES.includes(label));
  const allowed = `[clean= or stress=] and one of ${EDIT_TYPES.map(notation).join(', ')}; or ${NO_EDITS}, alone`;
  if (wrong !== undefined)
    return fail(`--edit ${shown(text)}: ${shown(wrong)} is no class. Allowed: ${allowed}`);
  const editClass = classOf(labels);
  const parsed = editOf(editClass).safeParse(rest);
  if (!parsed.success) {
    const said = parsed.error.issues.map(({ message }) => message).join('; ');
    return fail(`--edit ${shown(text)} ${said}${said.includes('llowed') ? '' : `. Allowed: ${allowed}`}`);
  }
  if ('checkpoint' in parsed.data || 'command' in parsed.data)
    return fail(`--edit ${shown(text)} is no edit. Allowed: ${allowed}`);
  // The one-line notation has no name.
  return ok({ class: editClass, spec: parsed.data });
}

/** @param models names of the suite's models. */
export function readCheckpoint(text: string, models: readonly string[]): Result<ChosenCheckpoint, string> {
  const { labels, rest } = labelsOf(text);
  const say = (what: string): Result<never, string> =>
    fail(
      `--checkpoint ${shown(text)}: ${what}. Allowed: [clean= or stress=] [model=] and a hub id or the directory of a ` +
        `model, beginning with ./, ../ or /; models: ${models.join(', ')}`,
    );
  const named = labels.filter((label) => !CLASSES.includes(label));
  const strange = named.find((label) => !models.includes(label));
  if (strange !== undefined) return say(`${shown(strange)} is no class and no model of this suite`);
  const [model = models.length === 1 ? models[0] : undefined] = named;
  if (model === undefined) return say('which model it was made of is not said');
  if (rest === '') return say('nothing follows');
  return ok({ class: classOf(labels), model, source: rest });
}

const BENCHMARK = /^(?:([^=]*)=)?([\w.-]*\w[\w.-]*)(?::(\d{1,4}))?$/;
/** The benchmarks of the profiles by their names, then any task. */
const KNOWN = new Map(
  [PROFILE.host, PROFILE.laptop].flatMap(({ benchmarks }) =>
    benchmarks.flatMap((one) => [
      [one.task, one],
      [one.name, one],
    ]),
  ) as [string, Benchmark][],
);
KNOWN.set('arc', { name: 'arc', task: 'arc_challenge', fewshot: 5 });

/** @param taken names that others have; the new one is added. */
export function readBenchmark(text: string, profile: Profile, taken: Set<string>): Result<Benchmark, string> {
  const allowed =
    `[name=]task[:few-shots], few-shots from 0 to 1000, where task is a task of lm-eval ` +
    `(hellaswag, arc_easy:0, mine=gsm8k:5) or one of ${[...new Set([...KNOWN.values()].map(({ name }) => name))].join(', ')}`;
  const [, name, word = '', shots] = BENCHMARK.exec(text) ?? [];
  const fewshot = shots === undefined ? undefined : Number(shots);
  if (word === '' || (fewshot ?? 0) > 1000) {
    return fail(`--benchmark ${shown(text)} is not allowed. Allowed: ${allowed}`);
  }
  const known = profile.benchmarks.find((one) => one.name === word || one.task === word) ?? KNOWN.get(word);
  const task = known?.task ?? word;
  const problem = name === undefined ? undefined : benchmarkNameProblem(name);
  if (problem !== undefined) {
    return fail(`--benchmark ${shown(text)}: ${shown(name ?? '')} ${problem}. Allowed: ${allowed}`);
  }
  if (name !== undefined && taken.has(name)) {
    return fail(`--benchmark ${shown(text)}: a second benchmark named ${shown(name)}`);
  }
  const free = name ?? freeName(known?.name ?? word, taken, benchmarkNameProblem, 'benchmark');
  taken.add(free);
  return ok({ name: free, task, fewshot: fewshot ?? profile.fewshot });
}

function labelsOf(text: string): { labels: string[]; rest: string } {
  const labels: string[] = [];
  let rest = text.trim();
  for (let found = LABEL.exec(rest); found !== null; found = LABEL.exec(rest)) {
    labels.push(found[1] ?? '');
    rest = (found[2] ?? '').trim();
  }
  return { labels, rest };
}

/** What somebody tries is hoped to be harmless. */
function classOf(labels: readonly string[]): ListedClass {
  return labels.includes('stress') ? 'stress' : 'clean';
}

function shown(value: string): string {
  return JSON.stringify(value);
}
