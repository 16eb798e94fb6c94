// GPUs that are none: a scripted nvidia-smi whose output follows the live workers (worker.sh), and what those wrote down.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TOTAL_MIB = 81_559;

export class FakeGpus {
  root = mkdtempSync(join(tmpdir(), 'validation-gpus-'));
  /** @type {string[]} */
  uuids;
  /** @type {Record<string, string>} */
  env;

  /** Where they are locked for all users of the host. */
  locks = join(this.root, 'locks');

  /** @param {number} count */
  constructor(count) {
    this.uuids = Array.from(
      { length: count },
      (_, index) => `GPU-${index}0000000-0000-0000-0000-000000000000`,
    );
    for (const folder of ['bin', 'held', ...this.uuids.map((uuid) => `on/${uuid}`)]) {
      mkdirSync(join(this.root, folder), { recursive: true });
    }
    symlinkSync(join(import.meta.dirname, 'nvidia-smi.sh'), join(this.root, 'bin/nvidia-smi'));
    this.env = { FAKE_GPUS: this.root, PATH: `${join(this.root, 'bin')}:${process.env.PATH ?? ''}` };
    this.describe();
  }

  /**
   * Memory each process takes, and GPUs that fell off the bus.
   *
   * @param {{ usedEachMiB?: number, lost?: number[] }} [options]
   */
  describe({ usedEachMiB = 60_000, lost = [] } = {}) {
    const lines = this.uuids.map(
      (uuid, index) => `${index} ${uuid} ${TOTAL_MIB} ${lost.includes(index) ? 'lost' : usedEachMiB}\n`,
    );
    writeFileSync(join(this.root, 'gpus'), lines.join(''));
  }

  /** @param {'hang' | 'fail'} how @param {string} [text] */
  break(how, text = '') {
    writeFileSync(join(this.root, how), text);
  }

  /** Shell that nvidia-smi runs before it answers: a file that is replaced whole, as calls may be under way. @param {string} body */
  script(body) {
    writeFileSync(join(this.root, 'script.new'), `${body}\n`);
    renameSync(join(this.root, 'script.new'), join(this.root, 'script'));
  }

  mend() {
    for (const how of ['hang', 'fail', 'script']) rmSync(join(this.root, how), { force: true });
  }

  /** A process of somebody else on a GPU: its pid. @param {number} index */
  occupy(index) {
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    writeFileSync(join(this.root, 'on', this.uuids[index] ?? '', String(child.pid)), '');
    return child;
  }

  /** @param {string} name @returns {string[]} */
  lines(name) {
    const path = join(this.root, name);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  }

  /** GPUs that two workers had at one time, as the second found. */
  violations() {
    return this.lines('violations');
  }

  /** Calls of nvidia-smi. */
  calls() {
    return this.lines('calls').length;
  }

  /** Pids of workers by their lease, and of `stray` ones. @returns {{ lease: string, pid: number }[]} */
  started() {
    return this.lines('started').map((line) => {
      const [lease = '', pid] = line.split(' ');
      return { lease, pid: Number(pid) };
    });
  }

  /** Pids of workers that live. A recycled pid is somebody else: a worker has this directory in its environment. */
  living() {
    return this.uuids
      .flatMap((uuid) => readdirSync(join(this.root, 'on', uuid)))
      .map(Number)
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(this.root);
        } catch {
          return false;
        }
      });
  }

  /** Kill what still lives of the workers, by the pids they wrote. */
  dispose() {
    for (const pid of this.living()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone
      }
    }
    rmSync(this.root, { recursive: true, force: true });
  }
}
