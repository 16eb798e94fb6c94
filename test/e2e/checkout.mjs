// A copy of this checkout in a temporary directory, without leftovers of earlier runs: for the end-to-end test and the benchmark.
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';

const REPOSITORY = join(import.meta.dirname, '..', '..');

/** @typedef {{ exitCode: number, output: string, seconds: number }} CommandResult */

export class Checkout {
  root = mkdtempSync(join(tmpdir(), 'validation-e2e-'));
  locks = mkdtempSync(join(tmpdir(), 'validation-e2e-locks-'));
  #environment;

  /** @param {NodeJS.ProcessEnv} environment laid over this process's for every command; without GPUs if not said. */
  constructor(environment = { CUDA_VISIBLE_DEVICES: '' }) {
    this.#environment = environment;
  }

  /**
   * Tracked and new files; node_modules, .venv and tools/dist as the install step left them.
   *
   * @param {NodeJS.ProcessEnv} [environment]
   */
  static async create(environment) {
    const checkout = new Checkout(environment);
    const listed = await execa('git', ['ls-files', '-z', '-co', '--exclude-standard'], { cwd: REPOSITORY });
    for (const file of listed.stdout
      .split('\0')
      .filter((name) => existsSync(join(REPOSITORY, name)) && name !== '')) {
      mkdirSync(join(checkout.root, dirname(file)), { recursive: true });
      cpSync(join(REPOSITORY, file), join(checkout.root, file), { verbatimSymlinks: true });
    }
    for (const name of ['node_modules', '.venv'])
      symlinkSync(join(REPOSITORY, name), join(checkout.root, name));
    cpSync(join(REPOSITORY, 'tools/dist'), join(checkout.root, 'tools/dist'), { recursive: true });
    return checkout;
  }

  /**
   * @param {string} command
   * @param {string[]} args
   * @param {NodeJS.ProcessEnv} environment
   * @returns {Promise<CommandResult>}
   */
  async run(command, args, environment = {}) {
    const began = Date.now();
    const { exitCode, all } = await this.start(command, args, environment);
    return { exitCode: exitCode ?? -1, output: all, seconds: (Date.now() - began) / 1000 };
  }

  /**
   * Start a command without waiting for its end.
   *
   * @param {string} command
   * @param {string[]} args
   * @param {NodeJS.ProcessEnv} environment
   */
  start(command, args, environment = {}) {
    return execa(command, args, {
      cwd: this.root,
      reject: false,
      all: true,
      stdin: 'ignore',
      env: {
        VALIDATION_LOCK_DIR: this.locks,
        NX_WORKSPACE_ROOT_PATH: this.root,
        ...this.#environment,
        ...environment,
      },
    });
  }

  /**
   * Start nx itself, with no npx in between that would pass no SIGKILL on.
   *
   * @param {string[]} args
   */
  startNx(...args) {
    return this.start(process.execPath, [join(REPOSITORY, 'node_modules/nx/dist/bin/nx.js'), ...args]);
  }

  /** @param {string[]} args */
  nx(...args) {
    return this.run('npx', ['nx', ...args]);
  }

  /** @returns {Promise<void>} */
  [Symbol.asyncDispose]() {
    rmSync(this.root, { recursive: true, force: true });
    rmSync(this.locks, { recursive: true, force: true });
    return Promise.resolve();
  }
}
