// A real Slurm cluster on this machine (cluster.sh), for tests: its own directory, ports on the loopback, and end.
import { randomInt } from 'node:crypto';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

const SCRIPT = join(import.meta.dirname, 'cluster.sh');
const INSTALL =
  'apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge (Debian, Ubuntu), as root';
/** Daemons lie where not every user's PATH looks. */
const PATH = [process.env.PATH ?? '', '/usr/sbin', '/usr/local/sbin'].join(delimiter);

/** Why no cluster can be had here; undefined where one can. */
export function noSlurm(): string | undefined {
  const wanted = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'scontrol'];
  const missing = wanted.filter(
    (name) => !PATH.split(delimiter).some((directory) => existsSync(join(directory, name))),
  );
  if (missing.length > 0) return `${missing.join(', ')} not found. To run these tests: ${INSTALL}`;
  return process.getuid?.() === 0 ? undefined : 'a cluster of daemons needs root';
}

const ENDED = /^(COMPLETED|FAILED|CANCELLED|TIMEOUT|OUT_OF_MEMORY|NODE_FAIL|BOOT_FAIL)/;

export interface JobFacts {
  state: string;
  exitCode: number;
  restarts: number;
}

export class Cluster implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'validation-slurm-'));
  readonly env = { SLURM_CONF: join(this.directory, 'slurm.conf'), PATH };

  /** A port that somebody took meanwhile, or a node that is late: once or twice more, on other ports. */
  static async start(tries = 3): Promise<Cluster> {
    const cluster = new Cluster();
    const { exitCode, all } = await execa(
      'bash',
      [SCRIPT, 'start', cluster.directory, String(await ports())],
      {
        all: true,
        reject: false,
        env: { PATH },
      },
    );
    const idle = (all.match(/ idle /g) ?? []).length;
    if (exitCode === 0 && idle === 4) return cluster;
    await cluster[Symbol.asyncDispose]();
    if (tries > 1) return Cluster.start(tries - 1);
    throw new Error(`the Slurm cluster did not start: ${all}`);
  }

  /** @returns the job's number. */
  async submit(
    script: string,
    args: string[],
    { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
  ): Promise<string> {
    const { stdout } = await execa('sbatch', ['--parsable', ...args, script], {
      cwd,
      env: { ...env, ...this.env, PATH: [env.PATH ?? '', PATH].join(delimiter) },
    });
    return stdout.trim();
  }

  async job(id: string): Promise<JobFacts> {
    const { stdout } = await this.#scontrol('show', 'job', id, '--oneliner');
    const of = (name: string): string => new RegExp(`\\b${name}=(\\S+)`).exec(stdout)?.[1] ?? '';
    return {
      state: of('JobState'),
      exitCode: Number(of('ExitCode').split(':')[0]),
      restarts: Number(of('Restarts')),
    };
  }

  /** Another time limit, for its next allocation. */
  async longer(id: string, minutes: number): Promise<void> {
    await this.#scontrol('update', `JobId=${id}`, `TimeLimit=${minutes}`);
  }

  async ended(id: string, timeoutMs = 600_000): Promise<JobFacts> {
    return this.until(id, ({ state }) => ENDED.test(state), timeoutMs);
  }

  async until(id: string, what: (job: JobFacts) => boolean, timeoutMs = 300_000): Promise<JobFacts> {
    const began = Date.now();
    for (;;) {
      const job = await this.job(id);
      if (what(job)) return job;
      if (ENDED.test(job.state)) throw new Error(`job ${id} has ended: ${JSON.stringify(job)}`);
      if (Date.now() - began > timeoutMs) throw new Error(`job ${id} is ${JSON.stringify(job)}`);
      await sleep(250);
    }
  }

  /** A controller on a busy machine may be late with an answer. */
  async #scontrol(...args: string[]): Promise<{ stdout: string }> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await execa('scontrol', args, { env: this.env });
      } catch (error) {
        if (tries === 5) throw error;
        await sleep(2_000);
      }
    }
  }

  /** It writes down what it knows. One that is killed forgets the last seconds, and starts what runs once more. */
  async stopController(): Promise<void> {
    await end([this.#pid('slurmctld')], 'SIGTERM');
  }

  /** It begins where it was. @param lines that slurm.conf has from now on, each in place of the line of its name. */
  async startController(lines: Record<string, string> = {}): Promise<void> {
    const path = this.env.SLURM_CONF;
    const rest = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => !Object.keys(lines).some((name) => line.startsWith(`${name}=`)));
    const added = Object.entries(lines).map(([name, value]) => `${name}=${value}`);
    writeFileSync(path, [...added, ...rest].join('\n'));
    this.#begin('slurmctld', ['-D', '-f', path]);
    for (let looks = 0; looks < 200; looks += 1) {
      const { exitCode } = await execa('scontrol', ['ping'], { env: this.env, reject: false });
      if (exitCode === 0) return;
      await sleep(250);
    }
    throw new Error('the controller does not answer');
  }

  /** As if its power went: its daemon and all that runs there. */
  async killNode(node: string): Promise<void> {
    await end([this.#pid(`slurmd-${node}`)], 'SIGKILL');
    // Jobs, and their keepers, which are their parents.
    const jobs = pidsWith([`SLURMD_NODENAME=${node}`, `SLURM_CONF=${this.env.SLURM_CONF}`]);
    await end(
      [...jobs.map(parentOf), ...jobs].filter((pid) => pid > 1),
      'SIGKILL',
    );
  }

  startNode(node: string): void {
    this.#begin(`slurmd-${node}`, ['-D', '-N', node, '-f', this.env.SLURM_CONF]);
  }

  #begin(name: string, args: string[]): void {
    const log = openSync(join(this.directory, 'log', `${name}.out`), 'a');
    const child = spawn(name.replace(/-node\d$/, ''), args, {
      env: { ...process.env, ...this.env },
      detached: true,
      stdio: ['ignore', log, log],
    });
    child.unref();
    writeFileSync(join(this.directory, 'run', `${name}.pid.own`), String(child.pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await execa('scancel', ['--user=root', '--full'], { env: this.env, reject: false, timeout: 20_000 });
    await sleep(1_000);
    const pids = ['slurmd-node1', 'slurmd-node2', 'slurmctld', 'munged'].map((name) => this.#pid(name));
    await execa('bash', [SCRIPT, 'stop', this.directory], { env: { PATH }, reject: false });
    for (let looks = 0; looks < 200 && pids.some(isThere); looks += 1) await sleep(50);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #pid(name: string): number {
    const path = join(this.directory, 'run', `${name}.pid.own`);
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  }
}

function isThere(pid: number): boolean {
  return pid > 0 && existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`).length > 0;
}

async function end(pids: readonly number[], signal: NodeJS.Signals): Promise<void> {
  for (const pid of pids) if (isThere(pid)) process.kill(pid, signal);
  for (let looks = 0; looks < 600 && pids.some(isThere); looks += 1) await sleep(50);
  if (pids.some(isThere)) throw new Error(`of ${pids.join(', ')} some outlive ${signal}`);
}

/** Processes that have all of this in their environment. */
function pidsWith(words: readonly string[]): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
      return words.every((word) => environment.includes(word)) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The first of a row of ports that are free: the controller's, and four and five further those of the nodes. */
async function ports(): Promise<number> {
  for (;;) {
    const first = randomInt(20_000, 60_000);
    const free = await Promise.all([0, 4, 5].map((offset) => isFree(first + offset)));
    if (free.every(Boolean)) return first;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    return await new Promise<boolean>((resolve) => {
      server.once('error', () => {
        resolve(false);
      });
      server.listen(port, '127.0.0.1', () => {
        resolve(true);
      });
    });
  } finally {
    server.close();
  }
}
