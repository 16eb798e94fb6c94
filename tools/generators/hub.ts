// What `nx g` asks the hub: the commit that a revision stands for, and how large a model's weights will be.
import { z } from 'zod';
import { arePickles, storedBytes } from './sizes.js';

const TIMEOUT_MS = 5_000;
const answerSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z
    .array(z.object({ rfilename: z.string(), size: z.number().optional() }))
    .optional()
    .catch(undefined),
  safetensors: z
    .object({ parameters: z.record(z.string(), z.number().nonnegative()) })
    .optional()
    .catch(undefined),
});

export interface Answer {
  commit: string;
  /** Of a model: bytes of its weights in the store; undefined where the hub tells no sizes. */
  bytes: number | undefined;
}

export function isOffline(environment: NodeJS.ProcessEnv): boolean {
  return /^(1|true|yes|on)$/i.test(environment.HF_HUB_OFFLINE ?? '');
}

/** The hub was asked, and shows nothing of that name: not even to whom it would give a gated one's description. */
export class NotAtHub extends Error {}

/** @throws Error saying what the hub answers; NotAtHub where it has no such thing. */
export async function askHub(
  kind: 'model' | 'dataset',
  id: string,
  revision: string,
  environment: NodeJS.ProcessEnv,
): Promise<Answer> {
  const sizes = kind === 'model' ? '?blobs=true' : '';
  const url = `${hubOf(environment)}/api/${kind}s/${id}/revision/${encodeURIComponent(revision)}${sizes}`;
  const answer = await get(url, environment);
  if (answer.status === 404) throw new NotAtHub(`the hub has no such ${kind} or revision`);
  if (!answer.ok) {
    const meaning = meaningOf(answer.status, kind, id);
    throw answer.status === 401 ? new NotAtHub(meaning) : new Error(meaning);
  }
  const parsed = answerSchema.safeParse(await answer.json());
  if (!parsed.success) throw new Error('it names no commit');
  const { sha, siblings = [], safetensors } = parsed.data;
  if (kind === 'dataset') return { commit: sha, bytes: undefined };
  const files = new Map(siblings.map(({ rfilename, size = 0 }) => [rfilename, size]));
  const config = arePickles(files) ? await configAt(id, sha, environment) : undefined;
  return { commit: sha, bytes: storedBytes({ sizes: files, parameters: safetensors?.parameters, config }) };
}

/** The config.json of a model; undefined where the hub does not give it: plans then go by the files as they are. */
export async function configAt(
  id: string,
  commit: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  try {
    const answer = await get(`${hubOf(environment)}/${id}/resolve/${commit}/config.json`, environment);
    return answer.ok ? await answer.text() : undefined;
  } catch {
    return undefined;
  }
}

function hubOf(environment: NodeJS.ProcessEnv): string {
  return environment.HF_ENDPOINT ?? 'https://huggingface.co';
}

function get(url: string, { HF_TOKEN: token = '' }: NodeJS.ProcessEnv): Promise<Response> {
  return fetch(url, {
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

function meaningOf(status: number, kind: 'model' | 'dataset', id: string): string {
  if (status === 401 || status === 403) {
    const page = `https://huggingface.co/${kind === 'dataset' ? 'datasets/' : ''}${id}`;
    // Without a token, the hub says of what is nowhere what it says of what is private.
    const what = status === 401 ? 'private, gated or nowhere' : 'gated or private';
    return `${what} (HTTP ${status}). Ask for access at ${page}, then set HF_TOKEN`;
  }
  return `the hub answers HTTP ${status}`;
}
