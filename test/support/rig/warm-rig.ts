// A directory with warm hosts of the real validation.warm that import next to nothing, and jobs of tests/support/warm_jobs.py.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CellEvent } from '../../../tools/execution/records/events.js';
import type { PythonEnd, PythonRun } from '../../../tools/execution/worker/process.js';
import { runPython } from '../../../tools/execution/worker/python.js';
import { hostName, type WarmHost } from '../../../tools/execution/worker/warm-host.js';
import { warmKey } from '../../../tools/execution/worker/warm-key.js';
import { runWarm, type WarmNeeds } from '../../../tools/execution/worker/warm-python.js';
import { REPOSITORY } from '../repository.js';

const PYTHON = join(REPOSITORY, '.venv', 'bin', 'python');

/** As the end of a job that no warm host ran. */
interface NoHost {
  how: 'no-host';
  why: string;
}

export interface JobResult {
  end: PythonEnd | NoHost;
  log: string;
  events: CellEvent[];
  pid: number;
}

export class WarmRig implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'validation-warm-'));
  readonly env: Record<string, string> = {
    PYTHONPATH: [
      join(REPOSITORY, 'tools', 'python'),
      join(REPOSITORY, 'tools', 'python', 'tests', 'support'),
    ].join(':'),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    PYTHONHASHSEED: '0',
    OMP_NUM_THREADS: '1',
    CUDA_VISIBLE_DEVICES: '',
  };
  #jobs = 0;

  host(change: Partial<WarmHost> = {}): WarmHost {
    return {
      ...warmKey(REPOSITORY, PYTHON, { ...process.env, ...this.env }),
      directory: join(this.root, 'warm'),
      command: PYTHON,
      cwd: this.root,
      env: this.env,
      arguments: ['--preload', JSON.stringify([{ modules: ['json', 'numpy'], kinds: [] }])],
      ...change,
    };
  }

  /** A job in a fork of a warm host. */
  async warm(
    args: string[],
    {
      host = this.host(),
      needs,
      ...change
    }: Partial<PythonRun> & { host?: WarmHost; needs?: WarmNeeds } = {},
  ): Promise<JobResult> {
    return this.#job(args, change, (run) =>
      runWarm(run, host, needs ?? { kind: 'certify', taskIndex: false }).then((ended) =>
        ended.ok ? ended.value : { how: 'no-host', why: ended.error.message },
      ),
    );
  }

  /** The same in a process of its own. */
  async cold(args: string[], change: Partial<PythonRun> = {}): Promise<JobResult> {
    return this.#job(args, change, runPython);
  }

  async #job(
    args: string[],
    change: Partial<PythonRun>,
    start: (run: PythonRun) => Promise<PythonEnd | NoHost>,
  ): Promise<JobResult> {
    this.#jobs += 1;
    const log = join(this.root, `log-${this.#jobs}.txt`);
    writeFileSync(log, '');
    const events: CellEvent[] = [];
    let started = 0;
    const end = await start({
      command: PYTHON,
      args: ['-m', 'warm_jobs', ...args],
      cwd: this.root,
      env: this.env,
      log,
      timeoutSeconds: 0,
      signal: new AbortController().signal,
      ...change,
      onStart: (pid) => {
        started = pid;
        change.onStart?.(pid);
      },
      onEvent: (event) => {
        events.push(event);
        change.onEvent?.(event);
      },
    });
    return { end, events, log: read(log), pid: started };
  }

  /** Pids of running hosts of this rig. */
  hosts(): number[] {
    return warmHosts(this.root);
  }

  /** What the running host holds: descriptors, kilobytes, children that nobody has waited for. */
  holdings(): { descriptors: number; kilobytes: number; children: number } {
    const [pid = 0] = this.hosts();
    const resident = /^VmRSS:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? '0';
    return {
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      kilobytes: Number(resident),
      children: processes().filter(({ parent }) => parent === pid).length,
    };
  }

  hostLog(host = this.host()): string {
    return read(join(host.directory, `${hostName(host)}.log`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.hosts()) process.kill(pid, 'SIGKILL');
    await until(() => this.hosts().length === 0);
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Pids of running hosts that have a path among their arguments, zombies and forked children aside. */
export function warmHosts(path: string): number[] {
  const own = processes().filter(
    ({ command, state }) => state !== 'Z' && command.includes('validation.warm') && command.includes(path),
  );
  const pids = new Set(own.map(({ pid }) => pid));
  return own.filter(({ parent }) => !pids.has(parent)).map(({ pid }) => pid);
}

export async function until(what: () => boolean, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!what()) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await sleep(25);
  }
}

function processes(): { pid: number; parent: number; state: string; command: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const stat = read(`/proc/${name}/stat`);
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const command = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ');
    return stat === '' ? [] : [{ pid: Number(name), parent: Number(parent), state, command }];
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
