// Runs a cell's Python as a child forked by a warm host: watched, ended and told apart like a process of its own.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { parseJson } from '../../base/json-value.js';
import { messageOf } from '../../base/message.js';
import { fail, ok, type Result } from '../../base/result.js';
import { identityOf, isAlive } from '../../host/process-identity.js';
import { LineSplitter, parseEvent } from '../records/events.js';
import type { PythonEnd, PythonRun } from './process.js';
import { supervise, type Worker } from './supervise.js';
import { connectToHost, stoppedHost, type WarmHost } from './warm-host.js';
import { ownUmask } from './warm-key.js';

/** What a host must have imported before it forks the job. */
export interface WarmNeeds {
  kind: string;
  /** The index of lm-eval's own tasks. */
  taskIndex: boolean;
}

/** Why a warm host ran nothing. */
export type NoStart =
  /** There is no host that can: the job may as well be run some other way. */
  | { reason: 'no-host'; message: string; /** Another try would meet it again. */ stands?: boolean }
  /** The run was cancelled before the job began. */
  | { reason: 'cancelled' };

export type NoHost = Extract<NoStart, { reason: 'no-host' }>;

const answerSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('started'), pid: z.number().int().positive() }),
  z.object({ event: z.literal('refused'), reason: z.string() }),
  /** Told by the child before it ends, which counts where its host cannot tell any more. */
  z.object({ event: z.literal('exit'), code: z.number().int() }),
  z.object({ event: z.literal('ended'), code: z.number().int().optional(), signal: z.string().optional() }),
]);
type Answer = z.infer<typeof answerSchema>;

/** Imports take 15 s on an idle core, and a busy host may be five times slower. */
const START_MS = 300_000;
const LOOK_MS = 500;
const STOPPED_LOOK_MS = 1_000;
const STOPPED_LOOKS = 2;
const ENDED_EARLY = 'it ended before the job began';
/** A host tells at once how its child ended; one that is silent for so long after is dead or stopped. */
const SILENCE_MS = 3_000;

export async function runWarm(
  run: PythonRun,
  host: WarmHost,
  needs: WarmNeeds,
): Promise<Result<PythonEnd, NoHost>> {
  for (let second = false; ; second = true) {
    const end = await tryWarm(run, host, needs);
    // A host that ended in this instant (idle, sources changed) is followed by another.
    if (end.ok || second || end.error.stands === true) return end;
  }
}

async function tryWarm(run: PythonRun, host: WarmHost, needs: WarmNeeds): Promise<Result<PythonEnd, NoHost>> {
  if (run.signal.aborted) return ok({ how: 'cancelled' });
  let socket: Socket;
  try {
    socket = await connectToHost(host);
  } catch (error) {
    return noHost(messageOf(error));
  }
  const talk = new Conversation(socket, run);
  try {
    socket.write(requestLine(run, host, needs));
    const first = await talk.first(host);
    if (!first.ok) return first.error.reason === 'cancelled' ? ok({ how: 'cancelled' }) : fail(first.error);
    const worker: Worker = { pid: first.value, ended: talk.ended(first.value) };
    return ok(await supervise(run, worker));
  } finally {
    talk.close();
  }
}

function noHost(message: string): { ok: false; error: NoHost } {
  return fail({ reason: 'no-host', message });
}

function requestLine(run: PythonRun, { key }: WarmHost, { kind, taskIndex }: WarmNeeds): string {
  const env = { ...process.env, ...run.env, CELL_EVENTS_FD: '3' };
  const { args, cwd, log } = run;
  return `${JSON.stringify({ key, kind, taskIndex, args, cwd, log, env, umask: ownUmask() })}\n`;
}

/** The pid of the child. */
type Started = Result<number, NoStart>;

/** The lines of one connection. */
class Conversation {
  readonly #lines = new LineSplitter();
  #closed = false;
  #exit: number | undefined;
  #end: Extract<Answer, { event: 'ended' }> | undefined;
  #onFirst: (first: Started) => void = () => undefined;
  #onEnd: () => void = () => undefined;

  constructor(
    private readonly socket: Socket,
    private readonly run: PythonRun,
  ) {
    socket.on('data', (chunk: Uint8Array) => {
      for (const line of this.#lines.push(chunk)) this.#take(line);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#onFirst(noHost(ENDED_EARLY));
      this.#onEnd();
    });
  }

  async first(host: WarmHost): Promise<Started> {
    const { signal } = this.run;
    const controller = new AbortController();
    const limit = AbortSignal.any([signal, controller.signal]);
    const answered = new Promise<Started>((resolve) => {
      this.#onFirst = resolve;
      if (this.#closed) resolve(noHost(ENDED_EARLY));
    });
    const late = noHost(`no start within ${START_MS / 1000} s`);
    const waited: Promise<Started> = sleep(START_MS, late, { signal: limit }).catch(() =>
      fail({ reason: 'cancelled' }),
    );
    const first = await Promise.race([answered, waited, whileStopped(host, controller.signal)]);
    controller.abort();
    return first;
  }

  async ended(pid: number): Promise<{ exitCode: number } | { signal: string }> {
    const identity = identityOf(pid);
    const told = new Promise<void>((resolve) => {
      this.#onEnd = resolve;
    });
    let goneSince: number | undefined;
    while (this.#end === undefined) {
      await Promise.race([this.#closed ? sleep(LOOK_MS) : told, sleep(LOOK_MS)]);
      if (identity !== undefined && isAlive(identity)) continue;
      goneSince ??= Date.now();
      if (this.#closed || Date.now() - goneSince > SILENCE_MS) break;
    }
    // A child that vanished with its host, unheard, was killed with it.
    const { code, signal } = this.#end ?? { code: this.#exit, signal: undefined };
    return code === undefined ? { signal: signal ?? 'SIGKILL' } : { exitCode: code };
  }

  close(): void {
    this.socket.destroy();
  }

  #take(line: string): void {
    const answer = parseJson(answerSchema, line);
    switch (answer?.event) {
      case 'started':
        this.#onFirst(ok(answer.pid));
        return;
      case 'refused':
        this.#onFirst(noHost(answer.reason));
        return;
      case 'exit':
        this.#exit = answer.code;
        return;
      case 'ended':
        this.#end = answer;
        this.#onFirst(noHost('the job could not begin'));
        this.#onEnd();
        return;
      case undefined: {
        const event = parseEvent(line);
        if (event !== undefined) this.run.onEvent(event);
      }
    }
  }
}

/** Resolves once the host has been seen stopped for a while; a host that is busy importing is only slow. */
async function whileStopped(host: WarmHost, signal: AbortSignal): Promise<Started> {
  let looks = 0;
  for (;;) {
    const answered = await sleep(STOPPED_LOOK_MS, false, { signal }).catch(() => true);
    if (answered) return new Promise(() => undefined);
    const pid = stoppedHost(host);
    looks = pid === undefined ? 0 : looks + 1;
    if (pid === undefined || looks < STOPPED_LOOKS) continue;
    const message = `its process ${pid} is stopped; kill -CONT ${pid} lets it go on`;
    return fail({ reason: 'no-host', message, stands: true });
  }
}
