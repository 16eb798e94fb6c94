// Reads suites/<suite>/suite.yaml: to a Suite, or to a diagnostic for each mistake in it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix, relative, resolve } from 'node:path';
import { checkContradictions, checkMinimums, checkModel, checkNames, checkResultNames } from './checks.js';
import { checkOwnEdits } from './own-edits.js';
import { corpusProblems } from '../model/corpus.js';
import { overlay, type Identity } from '../settings/identity.js';
import { diagnosticAt, sortDiagnostics } from '../yaml/diagnostics.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { NAME_RULE, suiteNameProblem } from '../model/names.js';
import { SUITES, suiteDirectory, suiteFile } from '../model/paths.js';
import { hubData } from './hub-data.js';
import type { Input } from './input.js';
import { modelPathProblems, modelPathWarnings } from './model-paths.js';
import { programProblems } from './program-paths.js';
import { rankProblems } from './ranks.js';
import { resolveSuite } from './resolve.js';
import { generatedTokens, taskFileProblems } from './task-files.js';
import { readTaskFiles, type TaskFiles } from './task-includes.js';
import { fail, ok, type Result } from '../../base/result.js';
import { suiteDigest } from './digest.js';
import { readSections, type Section, type Sections } from './sections.js';
import { slicesOf, type Benchmark, type Suite } from '../model/suite.js';
import { readYamlFile } from '../yaml/yaml-file.js';
import { parseYaml, type YamlSource } from '../yaml/yaml-source.js';

export type { Input };

export interface LoadedSuite {
  suite: Suite;
  /** Of what suite.yaml says (nx/in-step.ts), recorded in the suite's project. */
  digest: string;
  /**
   * What InvarLock will refuse of a table that was asked for by name (`windows: reference`), and models that are not at
   * their paths yet.
   */
  warnings: Diagnostic[];
}

/** Names of the suites of a workspace: the directories of suites/ with a suite.yaml. */
export function listSuites(workspaceRoot: string): string[] {
  if (kindOf(join(workspaceRoot, SUITES)) !== 'directory') return [];
  return (
    readdirSync(join(workspaceRoot, SUITES))
      // Whatever is called suite.yaml was meant as one: what is no file is told so when it is read.
      .filter((name) => existsSync(join(workspaceRoot, suiteFile(name))))
      .sort()
  );
}

/** Never throws for what a person wrote. `identity`: variables laid over the file. */
export function loadSuite(
  workspaceRoot: string,
  name: string,
  identity: Identity = {},
): Result<LoadedSuite, Diagnostic[]> {
  const file = suiteFile(name);
  const start = { file, line: 1, col: 1 };
  if (suiteNameProblem(name) !== undefined) {
    return fail([
      { ...start, message: `${JSON.stringify(name)} cannot name a suite. Allowed: ${NAME_RULE}` },
    ]);
  }
  const text = readYamlFile(join(workspaceRoot, file));
  if (text.ok) return loadSuiteText(workspaceRoot, name, text.value, identity);
  const { error } = text;
  return fail([{ ...start, message: error.reason === 'gone' ? 'no such file' : error.message }]);
}

/** Of a suite.yaml that is not written yet. */
export function loadSuiteText(
  workspaceRoot: string,
  name: string,
  text: string,
  identity: Identity = {},
): Result<LoadedSuite, Diagnostic[]> {
  return parseSuite(name, text, (path) => readInput(resolve(workspaceRoot, path)), identity);
}

/** `readPath` is given workspace-relative paths. */
export function parseSuite(
  name: string,
  text: string,
  readPath: (path: string) => Input,
  identity: Identity = {},
): Result<LoadedSuite, Diagnostic[]> {
  const { source: written, diagnostics: syntax } = parseYaml(suiteFile(name), text);
  // What a broken text seems to say is not worth judging.
  if (syntax.length > 0) return fail(sortDiagnostics(syntax));
  const laid = overlay(written, identity);
  if (!laid.ok) return fail(laid.error.map((message) => ({ ...written.placeOf([]), file: '', message })));
  const source = laid.value;
  const sections = readSections(source);
  const suite = resolveSuite(name, suiteDirectory(name), sections.input);
  const files = taskFilesOf(suite, readPath);
  const minimums = checkMinimums(source, sections, suite);
  const reference = sections.input.windows === 'reference';
  const diagnostics = [
    ...sections.diagnostics,
    ...checkNames(source),
    ...checkContradictions(source, sections),
    ...sections.models.flatMap((model) => checkModel(source, model)),
    ...(['benchmarks', 'edits', 'ladders'].some((section) => sections.unsure.has(section as Section))
      ? []
      : checkResultNames(source, suite)),
    ...(reference ? [] : minimums),
    ...checkInputs(source, sections, suite, files, readPath),
    ...(['models', 'edits', 'ladders'].some((section) => sections.unsure.has(section as Section))
      ? []
      : checkOwnEdits(source, sections.models, suite)),
    ...(['models', 'edits', 'ladders'].some((section) => sections.unsure.has(section as Section))
      ? []
      : [
          ...rankProblems(source, sections.models, suite, readPath),
          ...programProblems(source, sections.models, suite, readPath),
        ]),
  ];
  if (diagnostics.length > 0) return fail(sortDiagnostics(diagnostics));
  suite.benchmarks = withTokens(suite, files);
  if (files !== undefined && files.outside.length > 0) suite.taskIncludes = files.outside;
  const data = hubData(suite, files?.said);
  if (data !== undefined) suite.data = { ...data, revisions: {} };
  return ok({
    suite,
    digest: suiteDigest(written.value),
    warnings: sortDiagnostics([
      ...(reference ? minimums : []),
      ...modelPathWarnings(source, sections.models, suite, readPath),
    ]),
  });
}

function taskFilesOf({ tasks }: Suite, readPath: (path: string) => Input): TaskFiles | undefined {
  const directory = tasks === undefined ? undefined : readPath(tasks);
  if (tasks === undefined || directory?.kind !== 'directory') return undefined;
  return readTaskFiles(tasks, directory.yamlFiles(), readPath);
}

/** Benchmarks of the suite's own that have the model write: how much at most, for plans. */
function withTokens({ benchmarks }: Suite, files: TaskFiles | undefined): Benchmark[] {
  const tokens = generatedTokens(files?.said ?? []);
  return benchmarks.map((benchmark) => {
    const generates = tokens.get(benchmark.task);
    return generates === undefined ? benchmark : { ...benchmark, generates };
  });
}

/** Sections that decide how many lines of a corpus the runs read. */
const COUNTED = ['tier', 'windows', 'runs', 'edits', 'ladders', 'errors'] as const;

function checkInputs(
  source: YamlSource,
  sections: Sections,
  suite: Suite,
  files: TaskFiles | undefined,
  readPath: (path: string) => Input,
): Diagnostic[] {
  const sure = !['models', 'edits', 'ladders'].some((section) => sections.unsure.has(section as Section));
  const found = modelPathProblems(source, sure ? sections.models : [], suite, readPath);
  const outside = (written: string): boolean => {
    const path = posix.join(suiteDirectory(suite.name), written);
    return posix.isAbsolute(written) || path === '.' || path === '..' || path.startsWith('../');
  };
  if (suite.tasks !== undefined) {
    const at = ['evaluation', 'tasks'];
    const written = sections.input.evaluation.tasks ?? '';
    const shown = JSON.stringify(written);
    if (outside(written)) found.push(diagnosticAt(source, at, `${shown} lies outside the workspace`));
    else if (files === undefined) found.push(diagnosticAt(source, at, `${suite.tasks} is no directory`));
    else found.push(...taskFileProblems(source, suite, files));
  }
  const { dataset } = sections.input;
  if (dataset.provider === 'local_jsonl') {
    const at = ['dataset', 'file'];
    const path = posix.join(suiteDirectory(suite.name), dataset.file);
    const corpus = outside(dataset.file) ? undefined : readPath(path);
    if (corpus === undefined) {
      found.push(diagnosticAt(source, at, `${JSON.stringify(dataset.file)} lies outside the workspace`));
    } else if (corpus.kind !== 'file') {
      found.push(diagnosticAt(source, at, `${path} is ${corpus.kind === 'none' ? 'missing' : 'no file'}`));
    } else if (!COUNTED.some((section) => sections.unsure.has(section))) {
      const problems = corpusProblems(path, corpus.text, dataset.text_field, corpusNeed(suite));
      found.push(...problems.map((problem) => diagnosticAt(source, at, problem)));
    }
  }
  return found;
}

/** Every run of a model reads its own slice; models may read the same ones. */
function corpusNeed(suite: Suite): { lines: number; reason: string } {
  const needs = suite.models.map((model) => {
    const { preview, final } = model.invarlock.windows;
    const slices = slicesOf(model);
    const reason = `model ${model.name} has ${slices} runs, each on ${preview} + ${final} lines of its own`;
    return { lines: slices * (preview + final), reason };
  });
  return needs.reduce((most, need) => (need.lines > most.lines ? need : most), { lines: 0, reason: '' });
}

export function readInput(path: string): Input {
  const kind = kindOf(path);
  switch (kind) {
    case 'file':
      return {
        kind,
        // Only whoever asks for it: a file may be as large as a model.
        get text() {
          return readFileSync(path, 'utf8');
        },
      };
    case 'directory':
      return { kind, yamlFiles: () => yamlFiles(path) };
    case 'none':
      return { kind };
  }
}

/** As lm-eval looks for task files. */
function yamlFiles(directory: string): Map<string, string> {
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name.endsWith('yaml') && entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.sort().map((path) => [relative(directory, path), readFileSync(path, 'utf8')]));
}

function kindOf(path: string): Input['kind'] {
  try {
    const stat = statSync(path);
    return stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : 'none';
  } catch {
    // Whatever the reason, there is nothing there that could be read.
    return 'none';
  }
}
