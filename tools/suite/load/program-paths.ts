// What lies at the paths of a suite's programs, when its projects are made: inputs that are missing, and files that a
// command names and its inputs do not.
import { posix } from 'node:path';
import type { ProgramSpec } from '../model/edit-spec.js';
import type { Suite } from '../model/suite.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { diagnosticAt } from '../yaml/diagnostics.js';
import type { Path, YamlSource } from '../yaml/yaml-source.js';
import { editPlaces } from './edit-places.js';
import { inWorkspace, isCovered } from './edits/program-schema.js';
import type { Input } from './input.js';
import type { ReadModel } from './sections.js';

type ReadPath = (path: string) => Input;

/** Each mistake once, also where several models take the suite's edits. */
export function programProblems(
  source: YamlSource,
  models: readonly ReadModel[],
  suite: Suite,
  readPath: ReadPath,
): Diagnostic[] {
  const places = new Map<string, { path: Path; spec: ProgramSpec }>();
  for (const [index, model] of suite.models.entries()) {
    const read = models[index];
    if (read === undefined) continue;
    for (const { edit, path } of editPlaces(source, read, model)) {
      if (edit.spec.type === 'program') places.set(path.join('/'), { path, spec: edit.spec });
    }
  }
  return [...places.values()].flatMap(({ path, spec }) => [
    ...inputProblems(source, path, spec, readPath),
    ...commandProblems(source, path, spec, readPath),
  ]);
}

function inputProblems(
  source: YamlSource,
  at: Path,
  { inputs, directory }: ProgramSpec,
  readPath: ReadPath,
): Diagnostic[] {
  return inputs.flatMap((path, index) => {
    const say = (message: string): Diagnostic[] => [diagnosticAt(source, [...at, 'inputs', index], message)];
    if (isOutside(path)) return say(`${path} lies outside the workspace; name it by its absolute path`);
    if (path === '.' || `${directory}/`.startsWith(`${path}/`)) {
      return say(`${path} has the suite's own files in it; name what the program reads`);
    }
    return readPath(path).kind === 'none' ? say(`${path} is missing`) : [];
  });
}

function commandProblems(source: YamlSource, at: Path, spec: ProgramSpec, readPath: ReadPath): Diagnostic[] {
  return spec.command.flatMap((word, index) => {
    const say = (message: string): Diagnostic[] => [diagnosticAt(source, [...at, 'command', index], message)];
    if (index === 0) {
      const own = /^\{workspace\}\/(.*)$/.exec(word)?.[1] ?? (posix.isAbsolute(word) ? word : undefined);
      return own === undefined || readPath(own).kind === 'file' ? [] : say(`${own} is no program here`);
    }
    const path = inWorkspace(spec.directory, word);
    const mayBePath = /^[^-{][^{}]*$/.test(word) && !isOutside(path) && path !== spec.directory;
    if (!mayBePath || isCovered(path, spec.inputs) || readPath(path).kind === 'none') return [];
    return say(
      `${path} is there, and no input of the program; list it under inputs, or a change of it would not be seen`,
    );
  });
}

function isOutside(path: string): boolean {
  return path === '..' || path.startsWith('../');
}
