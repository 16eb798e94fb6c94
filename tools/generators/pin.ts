// Hub revisions to commits: a branch that moves must not change what a suite is. What a record of both, and of sizes, makes
// of a suite.
import { isCheckpoint } from '../suite/model/edit-spec.js';
import type { Suite, SuiteEdit, SuiteModel } from '../suite/model/suite.js';
import type { SuiteRecord } from '../suite/nx/record.js';

export const COMMIT = /^[0-9a-f]{40}$/;
/** The key of a dataset in a record's commits: who reads it, and its id. A model's key has no such beginning. */
export const DATA_KEY = /^data\/([^:]+):(.+)@main$/;
export const dataKey = (reader: string, id: string): string => `data/${reader}:${id}@main`;

export type Commits = Readonly<Record<string, string>>;
/** What the sources of a suite were when its projects were made. */
export type Sources = Pick<SuiteRecord, 'commits' | 'sizes'>;

/** `<hub id>@<revision as written>`, the key of a record's commits; undefined for a model or checkpoint that needs none. */
export function pinKey({ source }: Pick<SuiteModel, 'source'>): string | undefined {
  const { type, id, revision } = source;
  if (type !== 'hub' || typeof id !== 'string' || typeof revision !== 'string') return undefined;
  return COMMIT.test(revision) ? undefined : `${id}@${revision}`;
}

/** The key of a record's sizes: a hub id and its revision as written, or a path; undefined for a model made here. */
export function sizeKey({ source: { type, id, revision, path } }: SuiteModel): string | undefined {
  if (type === 'hub' && typeof id === 'string' && typeof revision === 'string') return `${id}@${revision}`;
  return type === 'path' && typeof path === 'string' ? path : undefined;
}

/** The suite with commits in place of revisions, and with sizes, where they are known. */
export function pinned(suite: Suite, { commits, sizes }: Sources): Suite {
  const models = suite.models.map((model): SuiteModel => {
    const commit = commits[pinKey(model) ?? ''];
    const sourceBytes = sizes[sizeKey(model) ?? ''];
    return {
      ...model,
      ...(commit === undefined ? {} : { source: { ...model.source, revision: commit } }),
      edits: model.edits.map((edit) => pinnedEdit(edit, commits)),
      ...(sourceBytes === undefined ? {} : { sourceBytes }),
    };
  });
  const { data } = suite;
  if (data === undefined) return { ...suite, models };
  return { ...suite, models, data: { ...data, revisions: revisionsOf(commits) } };
}

function pinnedEdit(edit: SuiteEdit, commits: Commits): SuiteEdit {
  const { spec } = edit;
  if (!isCheckpoint(spec) || spec.source.type !== 'hub') return edit;
  const commit = commits[pinKey(spec) ?? ''];
  return commit === undefined
    ? edit
    : { ...edit, spec: { ...spec, source: { ...spec.source, revision: commit } } };
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
