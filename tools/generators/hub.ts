// What `nx g` asks the hub: the commit that a revision stands for, and how large a model's weights are there.
import { z } from 'zod';
import { weightsBytes } from './sizes.js';

const TIMEOUT_MS = 5_000;
const answerSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z
    .array(z.object({ rfilename: z.string(), size: z.number().optional() }))
    .optional()
    .catch(undefined),
});

export interface Answer {
  commit: string;
  /** Of a model: bytes of its weights; undefined where the hub tells no sizes. */
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
  const token = environment.HF_TOKEN ?? '';
  const sizes = kind === 'model' ? '?blobs=true' : '';
  const url = `${hub}/api/${kind}s/${id}/revision/${encodeURIComponent(revision)}${sizes}`;
  const answer = await fetch(url, {
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(meaningOf(answer.status, kind, id));
  const parsed = answerSchema.safeParse(await answer.json());
  if (!parsed.success) throw new Error('it names no commit');
  const { sha, siblings = [] } = parsed.data;
  const files = new Map(siblings.map(({ rfilename, size = 0 }) => [rfilename, size]));
  return { commit: sha, bytes: kind === 'model' ? weightsBytes(files) : undefined };
}

function meaningOf(status: number, kind: 'model' | 'dataset', id: string): string {
  if (status === 401 || status === 403) {
    const page = `https://huggingface.co/${kind === 'dataset' ? 'datasets/' : ''}${id}`;
    return `gated or private (HTTP ${status}). Ask for access at ${page}, then set HF_TOKEN`;
  }
  if (status === 404) return `the hub has no such ${kind} or revision`;
  return `the hub answers HTTP ${status}`;
}
