// A cache of one slow command's answer for all executors of a host: one of them asks at a time, the others take its answer.
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../../base/message.js';
import { monotonicMs } from '../../../base/clock.js';
import { withFileLock } from '../../../host/file-lock.js';
import { DEFAULT_LIMIT_MS, NvidiaSmiFailure, smiFailure } from '../../../host/nvidia-smi.js';
import { writePlain } from '../../../host/plain-file.js';
import { bootId, isAlive } from '../../../host/process-identity.js';
import { readRecord } from '../../../host/read-record.js';
import { identitySchema } from '../directory/identity-schema.js';

const schema = z.object({
  bootId: z.string(),
  /** When the command was started: what changed before is in the answer. */
  askedAtMs: z.number(),
  answeredAtMs: z.number(),
  /** Null: there is no such command. */
  value: z.json(),
  error: z.string().nullable(),
  /** The command, where it was given up and could not be ended. */
  left: identitySchema.nullable(),
});
type Answer = z.infer<typeof schema>;

/** A command that failed is not asked again for so long: one that hangs is waited for once by all, not by each. */
const FAILURE_MS = 2_000;
/** Whoever asks for all and is stopped is waited for so long. */
const STOPPED_MS = 3_000;
/** The longest sleep between two looks whether another one's answer has come. */
const LOOK_MS = 100;

export interface Wanted {
  /** Since it was answered. */
  maxAgeMs: number;
  /** Only an answer to a question asked after this. */
  notBeforeMs?: number;
  /** How long the command may take. */
  limitMs?: number;
}

/**
 * The command's answer, at most `maxAgeMs` old, or asked after this call. One process asks; the others that wait take
 * its answer, and its failure too, so that a command that is slow or hangs is not waited for once by each of them.
 *
 * @throws NvidiaSmiFailure as `read` does, or when whoever asks for all does not come to an end.
 */
export async function readShared<T>(
  directory: string,
  name: string,
  wanted: Wanted,
  read: (limitMs: number) => Promise<T | undefined>,
): Promise<T | undefined> {
  const path = join(directory, `${name}.json`);
  const cameMs = monotonicMs();
  const limitMs = wanted.limitMs ?? DEFAULT_LIMIT_MS;
  const kept = recent(path, wanted, cameMs);
  if (kept !== undefined) return unwrap(kept) as T | undefined;
  let answer: Answer | undefined;
  const askUnderLock = async (): Promise<Answer> =>
    recent(path, wanted, cameMs) ?? (await ask(path, limitMs, read));
  try {
    answer = await withFileLock(`${path}.lock`, askUnderLock, {
      // Its holder may be asking for somebody else, with a limit of its own.
      timeoutMs: 10 * limitMs + STOPPED_MS,
      stoppedTimeoutMs: STOPPED_MS,
      jitterMs: LOOK_MS,
      meanwhile: () => recent(path, wanted, cameMs),
    });
  } catch (error) {
    throw error instanceof NvidiaSmiFailure ? error : smiFailure(messageOf(error));
  }
  return unwrap(answer) as T | undefined;
}

/** Ask the command, and keep what it says. */
async function ask<T>(
  path: string,
  limitMs: number,
  read: (limitMs: number) => Promise<T | undefined>,
): Promise<Answer> {
  const before = readRecord(path, schema);
  const left = before.ok ? before.value.left : null;
  const askedAtMs = monotonicMs();
  const keep = (said: Pick<Answer, 'value' | 'error' | 'left'>): Answer => {
    const answer = { bootId: bootId(), askedAtMs, answeredAtMs: monotonicMs(), ...said };
    writePlain(path, JSON.stringify(answer));
    return answer;
  };
  if (left !== null && isAlive(left)) {
    // Another one would only hang beside it.
    const { message } = smiFailure(`process ${left.pid}, asked before, still hangs in its driver`);
    return keep({ value: null, error: message, left });
  }
  try {
    return keep({ value: (await read(limitMs)) ?? null, error: null, left: null });
  } catch (error) {
    const hung = error instanceof NvidiaSmiFailure ? (error.left ?? null) : null;
    return keep({ value: null, error: messageOf(error), left: hung });
  }
}

function recent(path: string, { maxAgeMs, notBeforeMs = 0 }: Wanted, cameMs: number): Answer | undefined {
  const found = readRecord(path, schema);
  if (!found.ok || found.value.bootId !== bootId()) return undefined;
  const { askedAtMs, answeredAtMs, error } = found.value;
  const now = monotonicMs();
  if (answeredAtMs > now) return undefined;
  const ageMs = now - answeredAtMs;
  if (error !== null) return ageMs < FAILURE_MS || askedAtMs >= cameMs ? found.value : undefined;
  if (askedAtMs < notBeforeMs) return undefined;
  return ageMs < maxAgeMs || askedAtMs >= cameMs ? found.value : undefined;
}

function unwrap({ value, error }: Answer): unknown {
  if (error !== null) throw new NvidiaSmiFailure(error);
  return value ?? undefined;
}
