// A suite.yaml where there is none: from the options of nx g ./tools:suite, or from answers at the terminal.
import { resolve } from 'node:path';
import { ok } from '../base/result.js';
import { loadSuiteText } from '../suite/load/load.js';
import type { SizeClass } from '../suite/model/cell.js';
import { suiteNameProblem } from '../suite/model/names.js';
import { suiteDirectory, suiteFile } from '../suite/model/paths.js';
import { PROFILE, PROFILES, type ProfileName } from '../suite/starter/profiles.js';
import { formatOfConfig, takenOfFormat } from '../suite/starter/quantized.js';
import { starterOf, type StarterModelInput } from '../suite/starter/starter.js';
import { starterText, type Starter, type StarterCheckpoint } from '../suite/starter/text.js';
import { formatDiagnostic } from '../suite/yaml/diagnostics.js';
import { nearest } from '../suite/yaml/suggest.js';
import type { Ask } from './ask.js';
import { GeneratorError } from './generator-error.js';
import type { Sources } from './pin.js';
import { directoryFacts, hubFacts, placeOf, type HubFacts } from './source-facts.js';

export interface NewSuiteOptions {
  /** Hub ids or directories. */
  model?: string[];
  edit?: string[];
  checkpoint?: string[];
  benchmark?: string[];
  profile?: ProfileName;
  sizeClass?: SizeClass;
}

export interface NewSuite {
  text: string;
  /** What the hub said of the models already. */
  known: Sources;
}

export interface Surroundings {
  root: string;
  /** Where the person stands. */
  cwd: string;
  environment: NodeJS.ProcessEnv;
}

const OPTIONS = ['model', 'edit', 'checkpoint', 'benchmark', 'profile', 'sizeClass'] as const;

/** Options that only a new suite has, as they are typed. */
export function optionsOfNew(options: NewSuiteOptions): string[] {
  return OPTIONS.filter((one) => options[one] !== undefined).map((one) =>
    one === 'sizeClass' ? '--size-class' : `--${one}`,
  );
}

/** @throws GeneratorError with every mistake in the options. */
export async function newSuite(
  name: string,
  options: NewSuiteOptions,
  { root, cwd, environment }: Surroundings,
): Promise<NewSuite> {
  const problem = suiteNameProblem(name);
  if (problem !== undefined) throw refusal(name, [`${JSON.stringify(name)} ${problem}`]);
  if (options.profile !== undefined && !PROFILES.includes(options.profile)) {
    throw refusal(name, [
      `--profile ${JSON.stringify(options.profile)} is not allowed. Allowed: ${PROFILES.join(', ')}`,
    ]);
  }
  const place = (typed: string): ReturnType<typeof placeOf> => placeOf(root, cwd, name, typed);
  const asked = new Map<string, HubFacts>();
  const problems: string[] = [];
  const models = await Promise.all(
    (options.model ?? []).map(async (typed): Promise<StarterModelInput[]> => {
      const placed = place(typed);
      if (!placed.ok) {
        problems.push(`--model ${placed.error}`);
        return [];
      }
      const { source, called } = placed.value;
      const facts =
        'id' in source ? await hubFacts(source.id, environment) : ok<HubFacts>(directoryFacts(root, called));
      if (!facts.ok) {
        problems.push(`--model ${facts.error}`);
        return [];
      }
      const format = formatOfConfig(facts.value.config);
      if (format !== undefined) {
        problems.push(`--model ${JSON.stringify(typed)}: ${quantizedModel(format)}`);
        return [];
      }
      if ('id' in source) asked.set(source.id, facts.value);
      return [{ source, called, facts: facts.value }];
    }),
  );
  if (problems.length > 0) throw refusal(name, problems);
  const starter = starterOf({
    name,
    models: models.flat(),
    profile: options.profile,
    sizeClass: options.sizeClass,
    edits: options.edit,
    checkpoints: options.checkpoint,
    benchmarks: options.benchmark,
    place,
  });
  if (!starter.ok) throw refusal(name, starter.error);
  await askOfCheckpoints(starter.value, asked, environment);
  const text = starterText(withFormats(starter.value, root, asked));
  // What is written must be a suite, or the person would begin by mending it.
  const loaded = loadSuiteText(root, name, text);
  if (!loaded.ok) throw refusal(name, loaded.error.map(formatDiagnostic));
  return { text, known: sourcesOf(asked) };
}

function quantizedModel(format: string): string {
  return `quantized with ${format}, and a baseline is in floating point; name the model it was made of, and this by --checkpoint`;
}

async function askOfCheckpoints(
  { name, models }: Starter,
  asked: Map<string, HubFacts>,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const sources = models.flatMap(({ checkpoints }) => checkpoints.map(({ source }) => source));
  const ids = sources.flatMap((source) => ('id' in source && !asked.has(source.id) ? [source.id] : []));
  const answers = await Promise.all(
    [...new Set(ids)].map(async (id) => [id, await hubFacts(id, environment)] as const),
  );
  const problems = answers.flatMap(([id, facts]) => {
    if (!facts.ok) return [`--checkpoint ${facts.error}`];
    asked.set(id, facts.value);
    return [];
  });
  if (problems.length > 0) throw refusal(name, problems);
}

/** Each checkpoint that its configuration calls quantized says as what it is taken. */
function withFormats(starter: Starter, root: string, asked: ReadonlyMap<string, HubFacts>): Starter {
  const problems: string[] = [];
  const checked = (checkpoint: StarterCheckpoint): StarterCheckpoint => {
    const { source } = checkpoint;
    const facts =
      'id' in source
        ? asked.get(source.id)
        : directoryFacts(root, resolve(root, suiteDirectory(starter.name), source.path));
    const format = formatOfConfig(facts?.config);
    if (format === undefined) return checkpoint;
    const taken = takenOfFormat(format);
    if (taken.ok) return { ...checkpoint, taken: taken.value };
    problems.push(`--checkpoint ${'id' in source ? source.id : source.path}: ${taken.error}`);
    return checkpoint;
  };
  const models = starter.models.map((model) => ({ ...model, checkpoints: model.checkpoints.map(checked) }));
  if (problems.length > 0) throw refusal(starter.name, problems);
  return { ...starter, models };
}

function sourcesOf(asked: ReadonlyMap<string, HubFacts>): Sources {
  const all = [...asked].map(([id, facts]) => ({ key: `${id}@main`, ...facts }));
  return {
    commits: Object.fromEntries(
      all.flatMap(({ key, commit }) => (commit === undefined ? [] : [[key, commit]])),
    ),
    sizes: Object.fromEntries(all.flatMap(({ key, bytes }) => (bytes === undefined ? [] : [[key, bytes]]))),
  };
}

function refusal(name: string, lines: readonly string[]): GeneratorError {
  return new GeneratorError(`${suiteFile(name)} cannot be made; nothing was written`, lines);
}

/** What a suite of that name would have; undefined where the person names no model. */
export async function askForNew(
  name: string,
  suites: readonly string[],
  ask: NonNullable<Ask>,
): Promise<NewSuiteOptions | undefined> {
  const near = nearest(name, suites);
  const hint = near === undefined ? '' : ` (there is ${near})`;
  const model = words(
    await ask(
      `There is no suite ${name}${hint}. To make it, name its models: hub ids or directories (./…), with commas; empty: stop\n> `,
    ),
  );
  if (model.length === 0) return undefined;
  const profiles = PROFILES.map((one) => `  ${one}: ${PROFILE[one].what}: ${PROFILE[one].does}`).join('\n');
  const profile = await ask(`Which profile? Empty: by the size of the models\n${profiles}\n> `);
  const checkpoint = words(
    await ask(
      'Checkpoints of these models that were edited elsewhere ([stress=][model=] and a hub id or directory), with commas; empty: none\n> ',
    ),
  );
  return {
    model,
    ...(profile === '' ? {} : { profile: profile as ProfileName }),
    ...(checkpoint.length === 0 ? {} : { checkpoint }),
  };
}

function words(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}
