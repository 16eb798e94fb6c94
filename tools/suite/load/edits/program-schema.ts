// A program that makes an edit, as suite.yaml has it: `{ command: [python, quantize.py, "{baseline}", "{output}"], … }`.
import { posix } from 'node:path';
import type { ListedClass, ProgramSpec } from '../../model/edit-spec.js';
import { editNameProblem, NAME_RULE, nameFromSource } from '../../model/names.js';
import type { Taken } from '../../model/weight-formats.js';
import { list, mapping, name, oneOf, text, whole } from '../../yaml/schema-parts.js';
import { TAKEN, takenOf } from './taken-schema.js';

/** As sources/program.py fills them in; `workspace` is this program's own, and no one's to write. */
const PLACEHOLDERS = ['baseline', 'output', 'scratch', 'seed', 'gpus', 'threads'];
const UNITS = { s: 1, min: 60, h: 3_600, d: 86_400 };
const DURATION = /^([1-9]\d{0,5}) ?(s|min|h|d)$/;
const DURATION_RULE = 'a time, e.g. 90 s, 30min, 4h or 2d';
const PATH_RULE = 'the path of a file or directory, relative to suite.yaml or absolute';
const DEFAULT_SEED = 1234;

export function isProgram(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'command' in value;
}

/** @param listed the list it stands in; a class written beside it must say the same. */
export function programEdit(listed: ListedClass) {
  return mapping(
    {
      command: list(text('text of one line'), 'the words of a command', 1),
      inputs: list(text(PATH_RULE, /^[^\s~]([^{}]*[^\s{}])?$/), `paths: ${PATH_RULE}`).default([]),
      gpus: whole(0, 64).default(0),
      timeout: text(DURATION_RULE, DURATION).optional(),
      seed: whole(0, 2 ** 31 - 1).default(DEFAULT_SEED),
      class: oneOf([listed]).optional(),
      name: name(editNameProblem, NAME_RULE).optional(),
      ...TAKEN,
    },
    'a program that edits',
  ).transform(({ command, inputs, gpus, timeout, seed, name: given, as, format }, context) => {
    const program = { command, inputs, gpus, timeout, seed, name: given };
    const say = (path: (string | number)[], message: string): void => {
      const input = { ...program, as, format };
      context.issues.push({ code: 'custom', input, path, params: { sentence: true }, message });
    };
    const taken = takenOf({ as, format }, (key, message) => {
      say([key], message);
    });
    const edit = { ...program, ...taken };
    for (const [index, word] of edit.command.entries()) {
      const unknown = placeholders(word).find((each) => !PLACEHOLDERS.includes(each));
      if (unknown === undefined) continue;
      const known = PLACEHOLDERS.map((each) => `{${each}}`).join(', ');
      say(
        ['command', index],
        `names {${unknown}}, which stands for nothing. Allowed: ${known}; {{${unknown}}} is the text`,
      );
    }
    if (!edit.command.flatMap(placeholders).includes('output')) {
      say(['command'], 'has no {output}: the program would not know where to write the edited model');
    }
    const derived = nameOfProgram(edit);
    const problem = edit.name === undefined ? editNameProblem(derived) : undefined;
    if (problem !== undefined) {
      say(['command'], `gives the name ${JSON.stringify(derived)}, which ${problem}; give it one with name:`);
    }
    return edit;
  });
}

export type ProgramInput = Readonly<{
  command: readonly string[];
  inputs: readonly string[];
  gpus: number;
  timeout?: string | undefined;
  seed: number;
  name?: string | undefined;
  taken?: Taken;
}>;

/** That of the first of its inputs that the command names, else of the program itself: `quantize` of `quantize.py`. */
export function nameOfProgram({ command, inputs }: Pick<ProgramInput, 'command' | 'inputs'>): string {
  const script = command.find((word) => inputs.includes(word)) ?? command[0] ?? '';
  return nameFromSource(script.replace(/\.\w+$/, ''));
}

export function programSpec(directory: string, program: ProgramInput): ProgramSpec {
  const { command, inputs, gpus, seed, timeout, taken } = program;
  const [first = '', ...words] = command;
  const paths = inputs.map((path) => inWorkspace(directory, path));
  return {
    type: 'program',
    command: [startedAs(directory, first, paths), ...words],
    directory,
    inputs: paths,
    gpus,
    seed,
    ...(timeout === undefined ? {} : { timeoutSeconds: secondsOf(timeout) }),
    ...(taken === undefined ? {} : { taken }),
  };
}

/** Workspace-relative, or absolute. */
export function inWorkspace(directory: string, path: string): string {
  const whole = posix.isAbsolute(path) ? posix.normalize(path) : posix.join(directory, path);
  return whole.replace(/(?<=.)\/$/, '');
}

/** Whether an input is that path, or a directory above it. */
export function isCovered(path: string, inputs: readonly string[]): boolean {
  return inputs.some((input) => path === input || path.startsWith(`${input}/`));
}

/** A path that is no input (an interpreter of its own) is taken where it lies, not in the copy of the inputs. */
function startedAs(directory: string, first: string, inputs: readonly string[]): string {
  if (!first.includes('/') || posix.isAbsolute(first)) return first;
  const path = inWorkspace(directory, first);
  return isCovered(path, inputs) ? `./${posix.relative(directory, path)}` : `{workspace}/${path}`;
}

function placeholders(word: string): string[] {
  return [...word.matchAll(/\{\{\w+\}\}|\{(\w+)\}/g)].flatMap(([, found]) => found ?? []);
}

function secondsOf(duration: string): number {
  const [, count = '', unit = 's'] = DURATION.exec(duration) ?? [];
  return Number(count) * UNITS[unit as keyof typeof UNITS];
}
