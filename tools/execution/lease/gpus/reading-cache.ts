// A cache of one slow command's answer for all executors of a host: one of them asks at a time, the others take its answer.
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../../base/message.js';
import { monotonicMs } from '../../../base/clock.js';
import { withFileLock } from '../../../host/file-lock.js';
import { writePlain } from '../../../host/plain-file.js';
import { bootId } from '../../../host/process-identity.js';
import { readRecord } from '../../../host/read-record.js';

const schema = z.object({
  bootId: z.string(),
  /** When the command was started: what changed before is in the answer. */
  askedAtMs: z.number(),
  answeredAtMs: z.number(),
  /** Null: there is no such command. */
  text: z.string().nullable(),
  error: z.string().nullable(),
});

/** A command that failed is not asked again for so long: one that hangs is waited for once by all, not by each. */
const FAILURE_MS = 2_000;

export interface Wanted {
  maxAgeMs: number;
  /** Only an answer to a question asked after this. */
  notBeforeMs?: number;
}

/**
 * The command's answer, at most `maxAgeMs` old. One process asks, the others that came meanwhile take its answer;
 * its failure too, so that a command that hangs is not waited for once by each of them.
 *
 * @throws Error as `read` does.
 */
export async function readShared(
  directory: string,
  name: string,
  wanted: Wanted,
  read: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const path = join(directory, `${name}.json`);
  const kept = recent(path, wanted);
  if (kept !== undefined) return unwrap(kept);
  const answer = await withFileLock(`${path}.lock`, async () => {
    const meanwhile = recent(path, wanted);
    if (meanwhile !== undefined) return meanwhile;
    const askedAtMs = monotonicMs();
    const reading = await ask(read);
    const asked = { bootId: bootId(), askedAtMs, answeredAtMs: monotonicMs(), ...reading };
    writePlain(path, JSON.stringify(asked));
    return asked;
  });
  return unwrap(answer);
}

type Answer = Pick<z.infer<typeof schema>, 'text' | 'error'>;

async function ask(read: () => Promise<string | undefined>): Promise<Answer> {
  try {
    return { text: (await read()) ?? null, error: null };
  } catch (error) {
    return { text: null, error: messageOf(error) };
  }
}

function recent(path: string, { maxAgeMs, notBeforeMs = 0 }: Wanted): Answer | undefined {
  const found = readRecord(path, schema);
  if (!found.ok || found.value.bootId !== bootId()) return undefined;
  const { askedAtMs, answeredAtMs, error } = found.value;
  const now = monotonicMs();
  if (error !== null) return answeredAtMs <= now && now - answeredAtMs < FAILURE_MS ? found.value : undefined;
  return askedAtMs <= now && now - askedAtMs < maxAgeMs && askedAtMs >= notBeforeMs ? found.value : undefined;
}

function unwrap({ text, error }: Answer): string | undefined {
  if (error !== null) throw new Error(error);
  return text ?? undefined;
}
