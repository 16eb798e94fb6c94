// Brings one event to a webhook and to a command: new tries with growing pauses, and an end after a stated time whatever
// happens. What fails is a sentence without the secrets of a URL, and never an exception.
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { monotonicMs } from '../../base/clock.js';
import { messageOf } from '../../base/message.js';
import { shownJson } from '../../base/text/say.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { NOTIFY_EVENTS, type NotifyEvent } from '../../suite/settings/site-table.js';
import type { Notification } from './event.js';

export type Receivers = Pick<SiteSettings, 'notifyWebhook' | 'notifyCommand' | 'notifySeconds'>;

export interface Delivery {
  /** `webhook at hooks.example.com`, `command notify-send`. */
  to: string;
  /** Why it did not arrive; undefined: it did. */
  failed?: string;
}

const FIRST_PAUSE_MS = 500;

/** Both at once; at the latest after `notify.timeout_s`. */
export function deliver(event: Notification, of: Receivers): Promise<Delivery[]> {
  const body = shownJson(event);
  const { notifyWebhook: url, notifyCommand: command } = of;
  const ways: Promise<Delivery>[] = [];
  if (url !== null)
    ways.push(withTries(`webhook at ${hostOf(url)}`, of.notifySeconds, (left) => post(url, body, left)));
  const [program, ...words] = command ?? [];
  if (program !== undefined)
    ways.push(
      withTries(`command ${program}`, of.notifySeconds, (left) =>
        start(program, words, { body, event, left }),
      ),
    );
  return Promise.all(ways);
}

/** Who is told, for people. */
export function receivers({ notifyWebhook, notifyCommand }: Receivers): string[] {
  return [
    ...(notifyWebhook === null ? [] : [`webhook at ${hostOf(notifyWebhook)}`]),
    ...(notifyCommand?.[0] === undefined ? [] : [`command ${notifyCommand[0]}`]),
  ];
}

/** What is told; all of it where the site does not say. */
export function eventsOf({ notifyEvents }: Pick<SiteSettings, 'notifyEvents'>): readonly NotifyEvent[] {
  return notifyEvents ?? NOTIFY_EVENTS;
}

/** A path, a query or a user may be the secret. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'an address that is no URL';
}

/** Undefined: done. `final`: another try would not help. */
type Tried = { why: string; final: boolean } | undefined;

async function withTries(
  to: string,
  seconds: number,
  attempt: (leftMs: number) => Promise<Tried>,
): Promise<Delivery> {
  const end = monotonicMs() + seconds * 1_000;
  let pause = FIRST_PAUSE_MS;
  for (let tries = 1; ; tries += 1) {
    const tried = await attempt(Math.max(1, end - monotonicMs()));
    if (tried === undefined) return { to };
    const times = tries === 1 ? '' : ` (${tries} tries)`;
    if (tried.final || monotonicMs() + pause >= end) return { to, failed: `${tried.why}${times}` };
    await sleep(pause);
    pause *= 2;
  }
}

async function post(url: string, body: string, leftMs: number): Promise<Tried> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'validation-suite' },
      body,
      // Elsewhere was not asked for.
      redirect: 'manual',
      signal: AbortSignal.timeout(leftMs),
    });
    await response.body?.cancel();
    if (response.ok) return undefined;
    const { status } = response;
    return { why: `it answered ${status}`, final: status < 500 && status !== 408 && status !== 429 };
  } catch (error) {
    const { name, cause } = error as { name?: string; cause?: { code?: string } };
    if (name === 'TimeoutError') return { why: 'no answer in time', final: true };
    // Messages of fetch may hold the URL; a code does not.
    return { why: cause?.code ?? 'it cannot be reached', final: false };
  }
}

async function start(
  program: string,
  words: readonly string[],
  { body, event, left }: { body: string; event: Notification; left: number },
): Promise<Tried> {
  try {
    const ended = await execa(program, words, {
      input: `${body}\n`,
      stdout: 'ignore',
      stderr: 'ignore',
      env: { VALIDATION_EVENT: event.event, VALIDATION_SUITE: event.suite },
      timeout: left,
      killSignal: 'SIGKILL',
      reject: false,
    });
    if (ended.timedOut) return { why: 'it did not end in time, and was ended', final: true };
    if (ended.code === 'ENOENT' || ended.code === 'EACCES')
      return { why: `it cannot be started: ${ended.code}`, final: true };
    if (!ended.failed || ended.code === 'EPIPE') return undefined;
    return { why: `it ended with ${ended.exitCode ?? ended.signal ?? 'an error'}`, final: false };
  } catch (error) {
    return { why: messageOf(error), final: true };
  }
}
