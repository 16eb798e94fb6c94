// Where core-seconds go while something runs: sampled from /proc, by what each process is.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const EVERY_MS = 250;
const TICKS_A_SECOND = 100;

/**
 * @typedef {'host' | 'python' | 'node'} Share `host`: a warm host, which only imports; `python`: cells, `node`: Nx,
 * executors and what they start.
 */

/** Samples the processes that run in, or name, a directory. Linux only. */
export class CpuMeter {
  /** @type {Map<string, { share: Share, seconds: number }>} */
  #processes = new Map();
  /** @type {{ at: number, idle: number, runnable: number }[]} */
  #machine = [];
  #timer;

  /** @param {string} directory */
  constructor(directory) {
    this.directory = directory;
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), EVERY_MS);
  }

  /** Ends it; core-seconds of each share. */
  stop() {
    clearInterval(this.#timer);
    this.#sample();
    const shares = { host: 0, python: 0, node: 0 };
    for (const { share, seconds } of this.#processes.values()) shares[share] += seconds;
    return shares;
  }

  /**
   * Share of the cores that processes of the directory used, or waited for, between two times (ms since the epoch):
   * what they would use of a machine that nobody else works on.
   */
  wanted(from, to) {
    const within = this.#machine.filter(({ at }) => at >= from && at <= to);
    const cores = availableParallelism();
    const used = within.reduce((sum, { runnable }) => sum + Math.min(cores, runnable), 0);
    return within.length === 0 ? NaN : used / (cores * within.length);
  }

  /** Core-seconds the machine did nothing at all. */
  idleSeconds() {
    const [first, last] = [this.#machine[0], this.#machine.at(-1)];
    return first === undefined || last === undefined ? NaN : (last.idle - first.idle) / TICKS_A_SECOND;
  }

  #sample() {
    const cpu = readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/\s+/).slice(1).map(Number);
    let runnable = 0;
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
      const found = this.#look(pid);
      if (found === undefined) continue;
      this.#processes.set(found.key, found);
      if (found.state === 'R') runnable += 1;
    }
    this.#machine.push({ at: Date.now(), idle: cpu[3] + cpu[4], runnable });
  }

  #look(pid) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (!command.includes(this.directory) && !readlinkSync(`/proc/${pid}/cwd`).startsWith(this.directory))
        return;
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const seconds = (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
      return { key: `${pid}@${fields[19]}`, seconds, share: shareOf(command, pid), state: fields[0] };
    } catch {
      return undefined; // gone
    }
  }
}

/** A forked child has its host's command line, and leads a session of its own in a cell's directory. */
function shareOf(command, pid) {
  if (!/python/.test(command.split(' ')[0])) return 'node';
  if (!command.includes('validation.warm')) return 'python';
  return readlinkSync(`/proc/${pid}/cwd`).includes('/attempt-') ? 'python' : 'host';
}
