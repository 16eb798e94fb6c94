// Finds the warm host of a key, or starts it: a socket in the lock directory, one host a key, started under a lock.
import { closeSync, constants, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { readIfThere } from '../../base/files.js';
import { withFileLock } from '../../host/file-lock.js';
import { isStopped } from '../../host/process-identity.js';
import type { WarmKey } from './warm-key.js';

export interface WarmHost extends WarmKey {
  /** Of sockets and logs, mode 0700, in the lock directory. */
  directory: string;
  command: string;
  cwd: string;
  env: Record<string, string>;
  /** Further arguments of validation.warm (tests: `--preload`, `--idle`). */
  arguments?: readonly string[];
}

/** A host that was left unused so long ago has ended: its log and lock may go. */
const FORGOTTEN_MS = 7 * 86_400_000;
const ANSWER_MS = 20_000;

/** What the files of a host are called, without ending. */
export function hostName({ key }: WarmKey): string {
  return key.slice(0, 24);
}

/** Whoever starts a host and is stopped is waited for so long. */
const STOPPED_MS = 3_000;

/** Pid of the running host, where it is stopped (SIGSTOP, Ctrl-Z, a debugger): it answers nobody. */
export function stoppedHost(host: WarmHost): number | undefined {
  const pid = Number(readIfThere(join(host.directory, `${hostName(host)}.pid`)) ?? 'none');
  if (!Number.isInteger(pid) || !isStopped(pid)) return undefined;
  // The file outlives its host, and its pid may be another process's since.
  const words = readIfThere(`/proc/${pid}/cmdline`)?.split('\0') ?? [];
  const isIt = ['validation.warm', hostName(host), host.directory].every((word) => words.includes(word));
  return isIt ? pid : undefined;
}

/** @throws Error when there is no host and none can be started. */
export async function connectToHost(host: WarmHost): Promise<Socket> {
  mkdirSync(host.directory, { recursive: true, mode: 0o700 });
  const running = await tryConnect(host);
  if (running !== undefined) return running;
  return withFileLock(
    join(host.directory, `${hostName(host)}.lock`),
    async () => {
      const started = await tryConnect(host);
      if (started !== undefined) return started;
      sweep(host.directory);
      await start(host);
      const fresh = await tryConnect(host);
      if (fresh === undefined) throw new Error(`it ended at once${lastWords(host)}`);
      return fresh;
    },
    { stoppedTimeoutMs: STOPPED_MS },
  );
}

/** Undefined when nobody listens there: no socket, or one that a dead host left. */
async function tryConnect(host: WarmHost): Promise<Socket | undefined> {
  // By way of a descriptor: a socket's address holds 107 bytes, a path may be longer.
  const directory = openSync(host.directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const socket = connectSocket(`/proc/self/fd/${directory}/${hostName(host)}.sock`);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
      socket.setTimeout(ANSWER_MS, () => {
        reject(new Error('it does not answer'));
      });
    });
    socket.setTimeout(0);
    return socket;
  } catch (error) {
    socket.destroy();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined;
    throw error;
  } finally {
    closeSync(directory);
  }
}

async function start(host: WarmHost): Promise<void> {
  const { execa } = await import('execa');
  const args = ['--directory', host.directory, '--name', hostName(host), '--key', host.key];
  const { exitCode, stderr, shortMessage } = await execa(
    host.command,
    ['-m', 'validation.warm', ...args, '--sources', host.sources, ...(host.arguments ?? [])],
    { cwd: host.cwd, env: host.env, reject: false, stdin: 'ignore', timeout: ANSWER_MS, detached: true },
  );
  if (exitCode === 0) return;
  const said = ((stderr as string | undefined) ?? '').trim().split('\n').at(-1) ?? '';
  throw new Error(said === '' ? (shortMessage ?? `exit code ${exitCode ?? -1}`) : said);
}

function lastWords(host: WarmHost): string {
  const log = join(host.directory, `${hostName(host)}.log`);
  const said = (readIfThere(log) ?? '').trim().split('\n').at(-1) ?? '';
  return `${said === '' ? '' : `: ${said}`} (${log})`;
}

function sweep(directory: string): void {
  try {
    const names = readdirSync(directory);
    for (const name of names) {
      const host = name.split('.')[0] ?? '';
      const path = join(directory, name);
      const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
      if (!names.includes(`${host}.sock`) && age > FORGOTTEN_MS) rmSync(path, { force: true });
    }
  } catch {
    // Housekeeping: whoever starts the next host tries again.
  }
}
