// Hub revisions to commits: a branch that moves must not change what a suite is. Resolved once, recorded with the suite.
import { logger } from '@nx/devkit';
import { messageOf } from '../base/message.js';
import { DATASET_OF_PROVIDER, type Suite, type SuiteModel } from '../suite/model/suite.js';
import { askCommit, isOffline } from './hub.js';
import { datasetsOfTasks } from './task-datasets.js';

const COMMIT = /^[0-9a-f]{40}$/;
/** The key of a dataset in a record's commits: who reads it, and its id. A model's key has no such beginning. */
const DATA_KEY = /^data\/([^:]+):(.+)@main$/;
const dataKey = (reader: string, id: string): string => `data/${reader}:${id}@main`;

type Commits = Readonly<Record<string, string>>;

/** `<hub id>@<revision as written>`, the key of a record's commits; undefined for a model that needs none. */
export function pinKey({ source }: SuiteModel): string | undefined {
  const { type, id, revision } = source;
  if (type !== 'hub' || typeof id !== 'string' || typeof revision !== 'string') return undefined;
  return COMMIT.test(revision) ? undefined : `${id}@${revision}`;
}

/** The suite with commits in place of revisions, where they are known. */
export function pinned(suite: Suite, commits: Commits): Suite {
  const models = suite.models.map((model) => {
    const commit = commits[pinKey(model) ?? ''];
    return commit === undefined ? model : { ...model, source: { ...model.source, revision: commit } };
  });
  const { data } = suite;
  if (data === undefined) return { ...suite, models };
  return { ...suite, models, data: { ...data, revisions: revisionsOf(commits) } };
}

/** Commit by a dataset's id, sorted, by the task or provider that reads it. */
function revisionsOf(commits: Commits): Record<string, Record<string, string>> {
  const found: Record<string, Record<string, string>> = {};
  for (const key of Object.keys(commits).sort()) {
    const [, reader, id] = DATA_KEY.exec(key) ?? [];
    const commit = commits[key];
    if (reader !== undefined && id !== undefined && commit !== undefined) (found[reader] ??= {})[id] = commit;
  }
  return found;
}

/**
 * The commits of a suite's models and data: those known before, and those the hub tells now. One the hub does not tell
 * stays a revision, with a warning: its cell then takes what the hub has at that time, and says which commit it was.
 */
export async function resolveCommits(
  workspaceRoot: string,
  suite: Suite,
  known: Commits,
  environment: NodeJS.ProcessEnv,
): Promise<Record<string, string>> {
  const keys = [...new Set(suite.models.flatMap((model) => pinKey(model) ?? []))];
  const [models, datasets] = await Promise.all([
    Promise.all(keys.map((key) => modelCommit(key, known, environment))),
    datasetCommits(workspaceRoot, suite, known, environment),
  ]);
  return Object.fromEntries([...models.flat(), ...datasets]);
}

type Entry = readonly [key: string, commit: string];

async function datasetCommits(
  workspaceRoot: string,
  { data, tasks: directory }: Suite,
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
  else {
    logger.warn(`The data of the benchmarks are not pinned to commits: ${ofTasks.error}`);
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
    if (!commits.has(id)) commits.set(id, ask('dataset', id, 'main', environment));
  }
  const found = await Promise.all(
    wanted.map(async ([reader, id]): Promise<Entry[]> => {
      const commit = await commits.get(id);
      return commit === undefined ? [] : [[dataKey(reader, id), commit]];
    }),
  );
  return [...kept, ...found.flat()].sort(([a], [b]) => (a < b ? -1 : 1));
}

async function modelCommit(key: string, known: Commits, environment: NodeJS.ProcessEnv): Promise<Entry[]> {
  const [id = '', revision = ''] = key.split('@');
  const commit = known[key] ?? (await ask('model', id, revision, environment));
  return commit === undefined ? [] : [[key, commit]];
}

async function ask(
  kind: 'model' | 'dataset',
  id: string,
  revision: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (isOffline(environment)) return undefined;
  try {
    return await askCommit(kind, id, revision, environment);
  } catch (error) {
    logger.warn(`${kind} ${id}@${revision} is not pinned to a commit: ${messageOf(error)}`);
    return undefined;
  }
}
