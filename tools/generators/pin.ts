// Hub revisions to commits: a branch that moves must not change what a suite is. Resolved once, recorded with the suite.
import { logger } from '@nx/devkit';
import { messageOf } from '../base/message.js';
import type { Suite, SuiteModel } from '../suite/model/suite.js';

const COMMIT = /^[0-9a-f]{40}$/;
const TIMEOUT_MS = 5_000;

/** `<hub id>@<revision as written>`, the key of a record's commits; undefined for a model that needs none. */
export function pinKey({ source }: SuiteModel): string | undefined {
  const { type, id, revision } = source;
  if (type !== 'hub' || typeof id !== 'string' || typeof revision !== 'string') return undefined;
  return COMMIT.test(revision) ? undefined : `${id}@${revision}`;
}

/** The suite with commits in place of revisions, where they are known. */
export function pinned(suite: Suite, commits: Readonly<Record<string, string>>): Suite {
  const models = suite.models.map((model) => {
    const commit = commits[pinKey(model) ?? ''];
    return commit === undefined ? model : { ...model, source: { ...model.source, revision: commit } };
  });
  return { ...suite, models };
}

/**
 * The commits of a suite's revisions: those known before, and those the hub tells now. One the hub does not tell stays a
 * revision, with a warning: its setup then takes what the hub has at that time, and its profile says which commit it was.
 */
export async function resolveCommits(
  suite: Suite,
  known: Readonly<Record<string, string>>,
  environment: NodeJS.ProcessEnv,
): Promise<Record<string, string>> {
  const keys = [...new Set(suite.models.flatMap((model) => pinKey(model) ?? []))];
  const found = await Promise.all(
    keys.map(async (key) => [key, known[key] ?? (await askHub(key, environment))] as const),
  );
  return Object.fromEntries(found.flatMap(([key, commit]) => (commit === undefined ? [] : [[key, commit]])));
}

async function askHub(key: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (/^(1|true|yes|on)$/i.test(environment.HF_HUB_OFFLINE ?? '')) return undefined;
  const [id = '', revision = ''] = key.split('@');
  const hub = environment.HF_ENDPOINT ?? 'https://huggingface.co';
  const token = environment.HF_TOKEN ?? '';
  try {
    const answer = await fetch(`${hub}/api/models/${id}/revision/${encodeURIComponent(revision)}`, {
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) throw new Error(meaningOf(answer.status, id));
    const { sha } = (await answer.json()) as { sha?: unknown };
    if (typeof sha !== 'string' || !COMMIT.test(sha)) throw new Error('it names no commit');
    return sha;
  } catch (error) {
    logger.warn(`${key} is not pinned to a commit: ${messageOf(error)}`);
    return undefined;
  }
}

function meaningOf(status: number, id: string): string {
  if (status === 401 || status === 403) {
    return `gated or private (HTTP ${status}). Ask for access at https://huggingface.co/${id}, then set HF_TOKEN`;
  }
  return status === 404 ? 'the hub has no such model or revision' : `the hub answers HTTP ${status}`;
}
