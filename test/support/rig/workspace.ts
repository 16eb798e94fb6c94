// A temporary workspace for rig tests: real nx, real executors, a scripted Python.
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { execa } from 'execa';
import { REPOSITORY } from '../repository.js';
import { warmHosts } from './warm-rig.js';

export interface Ran {
  what: 'start' | 'end';
  cell: string;
  pid: number;
  at: number;
  parts: string[];
  gpus: string;
}

/** What the scripted Python is told to do for one cell. */
export interface Script {
  sleepMs?: number;
  /** Waits until this file is in the workspace. */
  until?: string;
  exit?: number;
  fault?: string;
  message?: string;
  signal?: NodeJS.Signals;
  deaf?: boolean;
  omit?: string[];
  /** Only so many attempts are scripted; later ones end well. */
  attempts?: number;
  /** Printed to the log: a text, and the value of a variable. */
  print?: string;
  environment?: string;
  /** Left in a file beside the log. */
  byproduct?: string;
  /** Notes an overlap with another process of the same cell in overlaps.jsonl. */
  exclusive?: boolean;
  /** What nvidia-smi is to say of its GPUs once it has failed. */
  gpuFreeMiB?: number;
  /** Weights of so many bytes. */
  bytes?: number;
  /** Raw lines on the events' descriptor, a byte a character. */
  events?: string[];
}

export interface NxResult {
  exitCode: number;
  output: string;
}

export class Rig implements AsyncDisposable {
  readonly root: string;
  /** Outside the workspace, so that several workspaces can share it. */
  readonly lockDirectory: string;
  readonly #ownsLocks: boolean;
  #warm = false;

  constructor(
    suite: string,
    { lockDirectory, prefix = 'validation-rig-' }: { lockDirectory?: string; prefix?: string } = {},
  ) {
    this.root = mkdtempSync(join(tmpdir(), prefix));
    this.#ownsLocks = lockDirectory === undefined;
    this.lockDirectory =
      lockDirectory ?? join(tmpdir(), `validation-locks-${randomBytes(6).toString('hex')}`);
    for (const file of [
      '.env',
      'nx.json',
      'workspace-config',
      'tools/dist',
      'package.json',
      'project.json',
      'tools/package.json',
    ])
      this.#copy(file);
    for (const file of ['executors.json', 'generators.json', 'project.json', 'invarlock-minimums.json']) {
      this.#copy(`tools/${file}`);
    }
    for (const folder of ['executors', 'generators']) {
      cpSync(join(REPOSITORY, 'tools', folder), join(this.root, 'tools', folder), {
        recursive: true,
        filter: (path) => !path.endsWith('.ts'),
      });
    }
    const python = join(REPOSITORY, 'tools/python');
    cpSync(python, join(this.root, 'tools/python'), {
      recursive: true,
      // Below tools/python: the checkout itself may lie in a folder called tests.
      filter: (path) => !/tests|__pycache__|_cache/.test(relative(python, path)),
    });
    symlinkSync(join(REPOSITORY, 'node_modules'), join(this.root, 'node_modules'));
    this.write('.gitignore', 'node_modules\n.nx\noutput\n');
    this.write('suites/rig/suite.yaml', suite);
    this.#writeSmallSuitesFiles();
    // New tries without the wait that real hubs and GPUs need.
    this.edit('workspace-config/site.yaml', (text) =>
      text.replace('retries:\n', 'retries:\n  backoff_s: 0.05\n'),
    );
    this.#installScriptedPython();
  }

  #copy(path: string): void {
    cpSync(join(REPOSITORY, path), join(this.root, path), { recursive: true });
  }

  /** So that suites of the rig need nothing of the hub: the tasks by name, and lines enough for every run. */
  #writeSmallSuitesFiles(): void {
    for (const task of ['mmlu', 'arc_challenge']) {
      this.write(`suites/rig/tasks/${task}.yaml`, `task: ${task}\ndataset_path: json\n`);
    }
    const lines = Array.from({ length: 4000 }, (_, index) => JSON.stringify({ text: `line ${index}` }));
    this.write('suites/rig/corpus.jsonl', `${lines.join('\n')}\n`);
  }

  #installScriptedPython(): void {
    const lock = readFileSync(join(REPOSITORY, 'tools/python/requirements.lock'));
    this.write('.venv/validation-lock', createHash('sha256').update(lock).digest('hex'));
    mkdirSync(join(this.root, '.venv/bin'), { recursive: true });
    const python = join(this.root, '.venv/bin/python');
    // A launcher, so that node resolves the module by its extension.
    writeFileSync(
      python,
      `#!/bin/sh\nexec "${process.execPath}" "${join(import.meta.dirname, 'scripted-python.mjs')}" "$@"\n`,
    );
    chmodSync(python, 0o755);
  }

  /** Cells as forks of the real warm host, which imports nothing and whose children become the scripted Python. */
  useWarmHost(): void {
    this.#warm = true;
    rmSync(join(this.root, '.venv/bin/python'));
    symlinkSync(join(REPOSITORY, '.venv/bin/python'), join(this.root, '.venv/bin/python'));
    this.edit('tools/python/validation/warm/preload.py', (text) => `${text}\nSTAGES = (Stage(()),)\n`);
    const scripted = [process.execPath, join(import.meta.dirname, 'scripted-python.mjs')];
    this.write(
      'tools/python/validation/__main__.py',
      `import os, sys\nos.execv(${JSON.stringify(scripted[0])}, [*${JSON.stringify(scripted)}, *sys.argv[1:]])\n`,
    );
  }

  /** Pids of the warm hosts of this workspace. */
  warmHosts(): number[] {
    return warmHosts(this.root);
  }

  write(path: string, text: string): void {
    mkdirSync(join(this.root, path, '..'), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  copy(from: string, to: string): void {
    cpSync(join(this.root, from), join(this.root, to), { recursive: true, verbatimSymlinks: true });
  }

  edit(path: string, change: (text: string) => string): void {
    const before = this.read(path);
    const after = change(before);
    if (after === before) throw new Error(`the change of ${path} changes nothing`);
    this.write(path, after);
  }

  exists(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  script(scripts: Record<string, Script>): void {
    this.write('script.json', JSON.stringify(scripts));
  }

  /** Start nx without waiting for its end. */
  start(args: string[], env: Record<string, string> = {}) {
    const { file, args: all, options } = this.command(args, env);
    return execa(file, all, options);
  }

  /** What `start` starts, for whoever puts something in front. */
  command(args: string[], env: Record<string, string> = {}) {
    const options = {
      cwd: this.root,
      reject: false,
      all: true,
      env: {
        NX_DAEMON: 'false',
        NX_TUI: 'false',
        CI: 'true',
        FORCE_COLOR: '0',
        RIG_WORKSPACE: this.root,
        VALIDATION_LOCK_DIR: this.lockDirectory,
        VALIDATION_GPU_LOCKS: join(this.lockDirectory, 'gpu-locks'),
        CUDA_VISIBLE_DEVICES: '',
        NX_WORKSPACE_ROOT_PATH: this.root,
        VALIDATION_PYTHON_WARM: String(this.#warm),
        ...env,
      },
    } as const;
    const nx = join(REPOSITORY, 'node_modules/nx/dist/bin/nx.js');
    return { file: process.execPath, args: [nx, ...args], options };
  }

  async nx(args: string[], env: Record<string, string> = {}): Promise<NxResult> {
    const { exitCode, all } = await this.start(args, env);
    return { exitCode: exitCode ?? -1, output: all };
  }

  /** Generate the suite and fail the test with nx's own words if that does not work. */
  async generate(): Promise<void> {
    const { exitCode, output } = await this.nx(['g', './tools:suite', 'rig']);
    if (exitCode !== 0) throw new Error(output);
  }

  async certify(...more: string[]): Promise<NxResult> {
    return this.nx(['run-many', '-t', 'certify', ...more]);
  }

  /** Starts and ends of scripted Python since the last call. */
  takeRuns(): Ran[] {
    const ran = this.ran();
    rmSync(join(this.root, 'ran.jsonl'), { force: true });
    return ran;
  }

  /** Those that `takeRuns` would take. */
  ran(): Ran[] {
    if (!this.exists('ran.jsonl')) return [];
    const lines = this.read('ran.jsonl').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Ran);
  }

  /** Cells for which Python was started since the last call, sorted. */
  takeStarted(): string[] {
    return this.takeRuns()
      .filter(({ what }) => what === 'start')
      .map(({ cell }) => cell)
      .sort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.warmHosts()) process.kill(pid, 'SIGKILL');
    // Whoever was killed just now may have written a last file meanwhile.
    rmSync(this.root, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    if (this.#ownsLocks) rmSync(this.lockDirectory, { recursive: true, force: true });
    return Promise.resolve();
  }
}

/** One batch model with two edits and one error, two benchmarks: 15 cells. */
export const SMALL_SUITE = `
models:
  - name: m
    facts: { architecture: llama }
    size_class: tiny
    mode: batch
edits:
  clean: ['quant_rtn:8:128:ffn']
  stress: ['lowrank_svd:8:all']
errors: [nan_injection]
benchmarks:
  - { name: mmlu, task: mmlu, fewshot: 0 }
  - { name: arc, task: arc_challenge, fewshot: 0 }
runs: { calibration: 2, clean: 1, stress: 1, nulls: 0 }
dataset: { provider: local_jsonl, file: corpus.jsonl }
evaluation: { tasks: tasks }
`;

/** The same with benchmarks and windows of the hub: one cell more. */
export const HUB_SUITE = SMALL_SUITE.replace(
  '{ provider: local_jsonl, file: corpus.jsonl }',
  'wikitext2',
).replace('evaluation: { tasks: tasks }\n', '');
