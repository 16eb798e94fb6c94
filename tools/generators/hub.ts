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

/** @throws Error saying what the hub answers. */
export async function askHub(
  kind: 'model' | 'dataset',
  id: string,
  revision: string,
  environment: NodeJS.ProcessEnv,
): Promise<Answer> {
  const hub = environment.HF_ENDPOINT ?? 'https://huggingface.co';
  const sizes = kind === 'model' ? '?blobs=true' : '';
  const url = `${hub}/api/${kind}s/${id}/revision/${encodeURIComponent(revision)}${sizes}`;
  const answer = await get(url, environment);
  if (!answer.ok) throw new Error(meaningOf(answer.status, kind, id));
  const parsed = answerSchema.safeParse(await answer.json());
  if (!parsed.success) throw new Error('it names no commit');
  const { sha, siblings = [], safetensors } = parsed.data;
  if (kind === 'dataset') return { commit: sha, bytes: undefined };
  const files = new Map(siblings.map(({ rfilename, size = 0 }) => [rfilename, size]));
  const config = arePickles(files)
    ? await textOf(`${hub}/${id}/resolve/${sha}/config.json`, environment)
    : undefined;
  return { commit: sha, bytes: storedBytes({ sizes: files, parameters: safetensors?.parameters, config }) };
}

function get(url: string, { HF_TOKEN: token = '' }: NodeJS.ProcessEnv): Promise<Response> {
  return fetch(url, {
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

/** Undefined where the hub does not give it: plans then go by the files as they are. */
async function textOf(url: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const answer = await get(url, environment);
    return answer.ok ? await answer.text() : undefined;
  } catch {
    return undefined;
  }
}

function meaningOf(status: number, kind: 'model' | 'dataset', id: string): string {
  if (status === 401 || status === 403) {
    const page = `https://huggingface.co/${kind === 'dataset' ? 'datasets/' : ''}${id}`;
    return `gated or private (HTTP ${status}). Ask for access at ${page}, then set HF_TOKEN`;
  }
  if (status === 404) return `the hub has no such ${kind} or revision`;
  return `the hub answers HTTP ${status}`;
}
