// What the hub and directories tell of a suite's sources when its projects are made: commits, and sizes to plan by until
// the models are here. Resolved once, recorded with the suite.
import { logger } from '@nx/devkit';
import { shown } from '../base/text/say.js';
import { messageOf } from '../base/message.js';
import { isCheckpoint } from '../suite/model/edit-spec.js';
import { DATASET_OF_PROVIDER, type Suite, type SuiteModel } from '../suite/model/suite.js';
import { GeneratorError } from './generator-error.js';
import { askHub, isOffline, type Answer } from './hub.js';
import { COMMIT, DATA_KEY, dataKey, pinKey, sizeKey, type Commits, type Sources } from './pin.js';
import { directoryBytes } from './sizes.js';
import { datasetsOfTasks } from './task-datasets.js';

/**
 * The commits of a suite's models and data, and the sizes of its models: those known before, and those the hub tells now.
 * A revision the hub does not tell stays one, with a warning: its cell then takes what the hub has at that time, and says
 * which commit it was. A model whose size nobody tells is planned by its name.
 *
 * @throws GeneratorError for a benchmark whose task is nowhere defined.
 */
export async function resolveSources(
  workspaceRoot: string,
  suite: Suite,
  known: Sources,
  environment: NodeJS.ProcessEnv,
): Promise<Sources> {
  const [models, checkpoints, datasets] = await Promise.all([
    Promise.all(suite.models.map((model) => sourceOf(workspaceRoot, model, known, environment))),
    checkpointCommits(suite, known.commits, environment),
    datasetCommits(workspaceRoot, suite, known.commits, environment),
  ]);
  return {
    commits: Object.fromEntries([...checkpoints, ...models.flatMap(({ commits }) => commits), ...datasets]),
    sizes: Object.fromEntries(models.flatMap(({ sizes }) => sizes)),
  };
}

type Entry = readonly [key: string, commit: string];

async function datasetCommits(
  workspaceRoot: string,
  { name, data, tasks: directory }: Suite,
  known: Commits,
  environment: NodeJS.ProcessEnv,
): Promise<Entry[]> {
  if (data === undefined) return [];
  const { provider } = data;
  const readers: Record<string, readonly string[]> =
    provider === undefined ? {} : { [provider]: [DATASET_OF_PROVIDER[provider]] };
  const kept: Entry[] = [];
  const ofTasks = await datasetsOfTasks(workspaceRoot, data.tasks, directory);
  if (ofTasks.ok) Object.assign(readers, ofTasks.value);
  else if (ofTasks.error.reason === 'unusable') {
    throw new GeneratorError(`The benchmarks of suite ${name} cannot be asked; nothing was written`, [
      ofTasks.error.message,
    ]);
  } else {
    logger.warn(shown(`The data of the benchmarks are not pinned to commits: ${ofTasks.error.message}`));
    // What was known before may still hold: the next nx g that can ask puts it right.
    const still = Object.entries(known).filter(([key]) => data.tasks.includes(DATA_KEY.exec(key)?.[1] ?? ''));
    kept.push(...still);
  }
  // One commit for all who read a dataset: a cell that reads two of them offline finds one.
  const commits = new Map<string, Promise<string | undefined>>();
  for (const [key, commit] of Object.entries(known)) {
    const id = DATA_KEY.exec(key)?.[2];
    if (id !== undefined) commits.set(id, Promise.resolve(commit));
  }
  const wanted = Object.entries(readers).flatMap(([reader, ids]) => ids.map((id) => [reader, id] as const));
  for (const [, id] of wanted) {
    if (!commits.has(id)) commits.set(id, datasetCommit(id, environment));
  }
  const found = await Promise.all(
    wanted.map(async ([reader, id]): Promise<Entry[]> => {
      const commit = await commits.get(id);
      return commit === undefined ? [] : [[dataKey(reader, id), commit]];
    }),
  );
  return [...kept, ...found.flat()].sort(([a], [b]) => (a < b ? -1 : 1));
}

async function datasetCommit(id: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  return (await ask('dataset', id, 'main', environment))?.commit;
}

/** Of edited checkpoints at the hub. They are as large as their model: their sizes are not asked for. */
async function checkpointCommits(
  { models }: Suite,
  known: Commits,
  environment: NodeJS.ProcessEnv,
): Promise<Entry[]> {
  const specs = models.flatMap(({ edits }) =>
    edits.flatMap(({ spec }) => (isCheckpoint(spec) ? [spec] : [])),
  );
  const wanted = new Map(
    specs.flatMap((spec) => (pinKey(spec) === undefined ? [] : [[pinKey(spec) ?? '', spec]])),
  );
  const found = await Promise.all(
    [...wanted].map(async ([key, { source }]): Promise<Entry[]> => {
      if (source.type !== 'hub') return [];
      const commit = known[key] ?? (await ask('model', source.id, source.revision, environment))?.commit;
      return commit === undefined ? [] : [[key, commit]];
    }),
  );
  return found.flat();
}

interface ModelSource {
  commits: readonly Entry[];
  sizes: readonly (readonly [key: string, bytes: number])[];
}

/** One question for both; none where both are known. The files of a directory are looked at each time. */
async function sourceOf(
  workspaceRoot: string,
  model: SuiteModel,
  known: Sources,
  environment: NodeJS.ProcessEnv,
): Promise<ModelSource> {
  const key = sizeKey(model);
  if (key === undefined) return { commits: [], sizes: [] };
  if (model.source.type === 'path') {
    const bytes = directoryBytes(workspaceRoot, key);
    return { commits: [], sizes: bytes === undefined ? [] : [[key, bytes]] };
  }
  const pin = pinKey(model);
  const before = { commit: known.commits[key], bytes: known.sizes[key] };
  const told = before.bytes !== undefined && (pin === undefined || before.commit !== undefined);
  const [id = '', revision = ''] = key.split('@');
  // A commit that is known stays: what is asked for then is only the size.
  const asked = told ? undefined : await ask('model', id, before.commit ?? revision, environment);
  const commit = before.commit ?? asked?.commit;
  const bytes = before.bytes ?? asked?.bytes;
  return {
    commits: pin === undefined || commit === undefined ? [] : [[pin, commit]],
    sizes: bytes === undefined ? [] : [[key, bytes]],
  };
}

async function ask(
  kind: 'model' | 'dataset',
  id: string,
  revision: string,
  environment: NodeJS.ProcessEnv,
): Promise<Answer | undefined> {
  if (isOffline(environment)) return undefined;
  try {
    return await askHub(kind, id, revision, environment);
  } catch (error) {
    const lost = COMMIT.test(revision) ? 'is planned by its name, not its size' : 'is not pinned to a commit';
    logger.warn(shown(`${kind} ${id}@${revision} ${lost}: ${messageOf(error)}`));
    return undefined;
  }
}
