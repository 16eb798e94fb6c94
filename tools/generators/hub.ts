// What `nx g` asks the hub: the commit that a revision stands for.
import { z } from 'zod';

const TIMEOUT_MS = 5_000;
const answerSchema = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });

export function isOffline(environment: NodeJS.ProcessEnv): boolean {
  return /^(1|true|yes|on)$/i.test(environment.HF_HUB_OFFLINE ?? '');
}

/** @throws Error saying what the hub answers. */
export async function askCommit(
  kind: 'model' | 'dataset',
  id: string,
  revision: string,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const hub = environment.HF_ENDPOINT ?? 'https://huggingface.co';
  const token = environment.HF_TOKEN ?? '';
  const url = `${hub}/api/${kind}s/${id}/revision/${encodeURIComponent(revision)}`;
  const answer = await fetch(url, {
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(meaningOf(answer.status, kind, id));
  const parsed = answerSchema.safeParse(await answer.json());
  if (!parsed.success) throw new Error('it names no commit');
  return parsed.data.sha;
}

function meaningOf(status: number, kind: 'model' | 'dataset', id: string): string {
  if (status === 401 || status === 403) {
    const page = `https://huggingface.co/${kind === 'dataset' ? 'datasets/' : ''}${id}`;
    return `gated or private (HTTP ${status}). Ask for access at ${page}, then set HF_TOKEN`;
  }
  if (status === 404) return `the hub has no such ${kind} or revision`;
  return `the hub answers HTTP ${status}`;
}
