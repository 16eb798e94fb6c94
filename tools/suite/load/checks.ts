// Mistakes a schema cannot see: names that meet twice, models without a source, numbers InvarLock refuses.
import { asMapping } from '../../base/json-value.js';
import { SIZE_CLASSES } from '../model/cell.js';
import { minimumViolations } from '../model/minimums.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { diagnosticAt, show } from '../yaml/diagnostics.js';
import { errorStepVariant, errorVariant, modelNameProblem } from '../model/names.js';
import { invarlockOf, nameOf, nameOfEdit, sizeClassOf } from './resolve.js';
import { editOf } from './edits/edit-schema.js';
import { ladder, type LadderStep } from './edits/ladder-schema.js';
import type { ModelInput } from './schema.js';
import type { ReadModel, Sections } from './sections.js';
import type { Suite } from '../model/suite.js';
import type { Path, YamlSource } from '../yaml/yaml-source.js';

type Raw = Record<string, unknown>;

/** Names that meet twice. They look at the raw text, so that another mistake beside a name hides none. */
export function checkNames(source: YamlSource): Diagnostic[] {
  const suite = asRaw(source.value);
  const models = asList(suite.models).map(asRaw);
  return [
    ...twice(
      source,
      'model',
      models.map((model, index) => [rawModelName(model), ['models', index]]),
    ),
    ...[suite, ...models].flatMap((owner, index) =>
      checkEditNames(source, suite, owner, index === 0 ? [] : ['models', index - 1]),
    ),
    ...twice(
      source,
      'benchmark',
      asList(suite.benchmarks).map((item, index) => [asText(asRaw(item).name), ['benchmarks', index]]),
    ),
    ...twice(
      source,
      'judge',
      asList(suite.judges).map((item, index) => [asText(item), ['judges', index]]),
    ),
    ...[suite, ...models].flatMap((owner, index) => {
      const listed = Array.isArray(owner.errors);
      const path = [...(index === 0 ? [] : ['models', index - 1]), 'errors', ...(listed ? [] : ['types'])];
      const types = listed ? owner.errors : asRaw(owner.errors).types;
      return twice(
        source,
        'error',
        asList(types).map((item, at) => [asText(item), [...path, at]]),
      );
    }),
  ];
}

/** Of a suite, or of a model that has edits or ladders of its own, beside what it takes from the suite. */
function checkEditNames(source: YamlSource, suite: Raw, owner: Raw, path: Path): Diagnostic[] {
  const keys = ['edits', 'ladders'];
  if (keys.every((key) => owner[key] === undefined)) return [];
  const [edits, ladders] = keys.map((key) => ({
    value: owner[key] ?? suite[key],
    path: [...(owner[key] === undefined ? [] : path), key],
  }));
  const named = (['clean', 'stress'] as const).flatMap((editClass) =>
    asList(asRaw(edits?.value)[editClass]).map((item, index): Named => {
      const parsed = editOf(editClass).safeParse(item);
      return [
        parsed.success ? nameOfEdit(parsed.data, editClass) : undefined,
        [...(edits?.path ?? []), editClass, index],
      ];
    }),
  );
  const steps = asList(ladders?.value).flatMap((item, index) => {
    const parsed = ladder.safeParse(item);
    const at = [...(ladders?.path ?? []), index, 'steps'];
    return (parsed.success ? parsed.data : []).map((step, number): Named => [
      stepName(step),
      [...at, number],
      '; leave one of them out',
    ]);
  });
  return twice(source, 'edit', [...named, ...steps], '; give it a name of its own: {…, name: …}');
}

function stepName(step: LadderStep): string {
  return 'edit' in step ? nameOfEdit(step.edit, 'ladder') : errorStepVariant(step.error);
}

type Named = [name: string | undefined, path: Path, advice?: string];

function twice(source: YamlSource, what: string, named: readonly Named[], advice = ''): Diagnostic[] {
  const first = new Map<string, Path>();
  return named.flatMap(([name, path, own = advice]) => {
    if (name === undefined) return [];
    const before = first.get(name);
    first.set(name, before ?? path);
    if (before === undefined) return [];
    return [
      diagnosticAt(
        source,
        path,
        `a second ${what} named ${show(name)}, after line ${source.placeOf(before).line}${own}`,
      ),
    ];
  });
}

/** What a model needs beside well-formed fields: one source, a name, a size class. Nothing is said of dropped fields. */
export function checkModel(source: YamlSource, { index, model, dropped }: ReadModel): Diagnostic[] {
  const found: Diagnostic[] = [];
  const log = (message: string, ...at: string[]): void => {
    found.push(diagnosticAt(source, ['models', index, ...at], message));
  };
  const sure = (...fields: string[]): boolean => fields.every((field) => !dropped.has(field));
  if (sure('revision', 'id') && model.revision !== undefined && model.id === undefined) {
    log('only a model with an id has one', 'revision');
  }
  checkFacts(model, log);
  if (!sure(...SOURCES)) return found;
  const sources = SOURCES.filter((key) => model[key] !== undefined);
  if (sources.length !== 1) {
    const what = sources.length === 0 ? 'no source' : `${sources.join(' and ')} together`;
    log(`${what}. Allowed: exactly one of ${SOURCES.join(', ')}`);
    return found;
  }
  if (sure('name')) checkName(model, log);
  if (sure('size_class') && sizeClassOf(model) === undefined) {
    log(`missing, and the name does not tell it. Allowed: ${SIZE_CLASSES.join(', ')}`, 'size_class');
  }
  return found;
}

type Say = (message: string, ...at: string[]) => void;
const SOURCES = ['id', 'path', 'facts'] as const;

function checkName(model: ModelInput, log: Say): void {
  if (model.name !== undefined) return;
  const name = nameOf(model);
  if (name === undefined) {
    log('missing. A model made from facts is given a name', 'name');
    return;
  }
  const problem = modelNameProblem(name);
  if (problem !== undefined)
    log(`its source gives the name ${show(name)}, which ${problem}; give it one with name:`);
}

function checkFacts({ facts }: ModelInput, log: Say): void {
  if (facts === undefined) return;
  if (facts.hidden_size % (2 * facts.num_heads) !== 0) {
    const size = `${facts.hidden_size} over ${facts.num_heads} heads`;
    log(`${size} leaves no even head size; use a multiple of ${2 * facts.num_heads}`, 'facts', 'hidden_size');
  }
  if (facts.architecture === 'mixtral' && facts.experts_per_token > facts.num_experts) {
    log(
      `${facts.experts_per_token} is more than num_experts (${facts.num_experts})`,
      'facts',
      'experts_per_token',
    );
  }
}

/** What InvarLock would refuse, by size class: of those models have, and of those the suite sets windows for. */
export function checkMinimums(source: YamlSource, { input, unsure }: Sections, suite: Suite): Diagnostic[] {
  const used = new Set(suite.models.map((model) => model.sizeClass));
  const given = input.windows === 'reference' ? {} : input.windows;
  const classes = SIZE_CLASSES.filter((sizeClass) => used.has(sizeClass) || given[sizeClass] !== undefined);
  return classes.flatMap((sizeClass) => {
    const { tier, windows, bootstrap } = invarlockOf(input, sizeClass);
    return minimumViolations(tier, windows, bootstrap)
      .filter(({ setting }) => setting === 'stride' || !unsure.has('tier'))
      .map(({ setting, message }) => {
        if (setting !== 'bootstrap') return diagnosticAt(source, ['windows', sizeClass, setting], message);
        const set = input.invarlock.bootstrap;
        if (set === undefined) return diagnosticAt(source, ['windows'], `bootstrap ${message}`);
        const perClass = typeof set === 'object';
        return diagnosticAt(source, ['invarlock', 'bootstrap', ...(perClass ? [sizeClass] : [])], message);
      });
  });
}

/** Settings that are well-formed one by one and cannot hold together. */
export function checkContradictions(source: YamlSource, { input, unsure }: Sections): Diagnostic[] {
  const { determinism, evaluation } = input;
  if (unsure.has('determinism') || unsure.has('evaluation')) return [];
  if (determinism !== 'strict' || evaluation.torch_compile !== true) return [];
  const message = 'true, and determinism is strict, which compiles nothing. Change one of them';
  return [diagnosticAt(source, ['evaluation', 'torch_compile'], message)];
}

/** Results of an edit by benchmark, and merged ones, must not meet in one file. */
export function checkResultNames(source: YamlSource, suite: Suite): Diagnostic[] {
  const found = new Map<string, Diagnostic>();
  for (const model of suite.models) {
    const edits = new Set([
      ...model.edits.map((edit) => edit.name),
      'baseline',
      ...model.errors.map(errorVariant),
      ...model.errorSteps.map(errorStepVariant),
    ]);
    const owner = new Map<string, string>();
    for (const edit of edits) {
      for (const [index, { name }] of suite.benchmarks.entries()) {
        const result = `${edit}_${name}`;
        const other = edits.has(result) ? result : owner.get(result);
        owner.set(result, edit);
        if (other === undefined || other === edit) continue;
        const message = `${show(name)} of edit ${show(edit)} would share a results file with edit ${show(other)}; rename one`;
        found.set(message, diagnosticAt(source, ['benchmarks', index, 'name'], message));
      }
    }
  }
  return [...found.values()];
}

function rawModelName(model: Raw): string | undefined {
  const [name, id, path] = [asText(model.name), asText(model.id), asText(model.path)];
  return nameOf({
    ...(name === undefined ? {} : { name }),
    ...(id === undefined ? {} : { id }),
    ...(path === undefined ? {} : { path }),
  });
}

function asRaw(value: unknown): Raw {
  return asMapping(value) ?? {};
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
