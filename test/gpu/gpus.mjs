// What the tests on real GPUs look at: nvidia-smi while the suite runs, its receipts, and somebody else on a GPU.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { median } from '../../bench/print.mjs';

const MIB = 1024 ** 2;

/** @typedef {{ uuid: string, pid: number, gib: number }} ComputeProcess */

/**
 * Index and UUID of the GPUs the tests may use, in PCI order: all, or those in `TEST_GPUS` (`1`, `0,2`), so that two runs of
 * the tests can share a host. None without nvidia-smi.
 */
export async function gpus() {
  const query = ['--query-gpu=index,uuid', '--format=csv,noheader'];
  const { stdout, exitCode } = await execa('nvidia-smi', query, { reject: false });
  if (exitCode !== 0) return [];
  const wanted = process.env.TEST_GPUS?.split(',').map((index) => index.trim());
  const found = stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [index = '', uuid = ''] = line.split(', ');
      return { index, uuid };
    });
  const absent = wanted?.filter((index) => !found.some((gpu) => gpu.index === index)) ?? [];
  if (absent.length > 0) {
    throw new Error(
      `TEST_GPUS names ${absent.join(', ')}; nvidia-smi lists ${found.map((gpu) => gpu.index).join(', ')}`,
    );
  }
  return found.filter(({ index }) => wanted === undefined || wanted.includes(index));
}

/** @param {string[]} on UUIDs @returns {Promise<ComputeProcess[]>} */
async function processes(on) {
  const query = '--query-compute-apps=gpu_uuid,pid,used_memory';
  const { stdout } = await execa('nvidia-smi', [query, '--format=csv,noheader,nounits']);
  return stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [uuid = '', pid, mib] = line.split(', ');
      return { uuid, pid: Number(pid), gib: (Number(mib) * MIB) / 1024 ** 3 };
    })
    .filter(({ uuid }) => on.includes(uuid));
}

/** Looks at the processes on some GPUs ten times a second or so, until told to stop. */
export class Watch {
  /** @type {ComputeProcess[][]} */
  looks = [];
  #over = false;
  #done;

  /** @param {string[]} on UUIDs */
  constructor(on) {
    this.#done = this.#look(on);
  }

  /** @param {string[]} on */
  async #look(on) {
    while (!this.#over) {
      this.looks.push(await processes(on));
      await sleep(50);
    }
  }

  async stop() {
    this.#over = true;
    await this.#done;
    return this;
  }

  /** UUIDs on which anybody was seen. */
  used() {
    return new Set(this.looks.flat().map(({ uuid }) => uuid));
  }

  /** The most processes seen at once on one GPU. */
  mostOnOne() {
    return Math.max(0, ...this.looks.flatMap((look) => [...groupsOf(look, 'uuid').values()]));
  }

  /** The most GPUs seen in use at once. */
  mostGpus() {
    return Math.max(0, ...this.looks.map((look) => groupsOf(look, 'uuid').size));
  }

  /** The most GPUs on which one process was seen with more than `gib` on each. */
  widest(gib) {
    return Math.max(
      0,
      ...this.looks.flatMap((look) => [
        ...groupsOf(
          look.filter((one) => one.gib > gib),
          'pid',
        ).values(),
      ]),
    );
  }
}

/** @param {ComputeProcess[]} look @param {'uuid' | 'pid'} key */
function groupsOf(look, key) {
  const counts = new Map();
  for (const one of look) counts.set(one[key], (counts.get(one[key]) ?? 0) + 1);
  return counts;
}

/** Every receipt of a suite. */
export function receipts(root, suite) {
  const output = join(root, 'output', suite);
  return readdirSync(output, { recursive: true, encoding: 'utf8' })
    .filter((name) => /receipt\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(output, name), 'utf8')));
}

/** Prints the seconds of each kind of cell in Python, and those its GPU lay between two cells. */
export function printSeconds(root, suite) {
  const kinds = new Map();
  const done = receipts(root, suite);
  for (const receipt of done)
    kinds.set(kindOf(receipt), [...(kinds.get(kindOf(receipt)) ?? []), receipt.runSeconds]);
  for (const [kind, seconds] of kinds) {
    console.log(`  ${kind}: ${seconds.length} parts, ${median(seconds).toFixed(1)} s each`);
  }
  for (const gpu of new Set(done.flatMap((receipt) => receipt.gpus))) {
    const tries = done
      .flatMap(({ attempts }) => attempts.filter((attempt) => attempt.gpus?.includes(gpu) === true))
      .map(({ startedAt, endedAt }) => ({ start: Date.parse(startedAt), end: Date.parse(endedAt) }))
      .sort((a, b) => a.start - b.start);
    const gaps = tries.slice(1).map(({ start }, at) => (start - tries[at].end) / 1000);
    if (gaps.length > 0)
      console.log(`  ${gpu}: ${tries.length} tries, ${median(gaps).toFixed(2)} s between two`);
  }
}

/** The kind of a receipt's cell: `eval` of `smoke.tiny-dense.baseline:eval-arc`. */
export const kindOf = ({ cell }) => /:([a-z]+)/.exec(cell)?.[1] ?? '';

/** Rows of analysis/memory_plan.csv that ran on a GPU. */
export function measuredPlan(root, suite) {
  const [head = '', ...rows] = readFileSync(join(root, 'output', suite, 'analysis/memory_plan.csv'), 'utf8')
    .trim()
    .split(/\r?\n/);
  const names = head.split(',');
  return rows
    .map((row) => Object.fromEntries(row.split(',').map((value, at) => [names[at], value])))
    .filter(({ peak_gpu_gb }) => peak_gpu_gb !== '');
}

/** Prints planned and measured memory, the largest of each kind of cell, and tells what took more than planned. */
export function comparePlan(root, suite) {
  const kinds = new Map();
  const over = [];
  for (const row of measuredPlan(root, suite)) {
    const planned = Number(row.model_size_gb);
    const taken = Number(row.peak_gpu_gb);
    if (taken > planned) over.push(`${row.task_id}: ${taken} GiB taken, ${planned} planned`);
    const key = `${row.model_name} ${row.task_type}`;
    const before = kinds.get(key);
    if (before === undefined || before.taken < taken) {
      kinds.set(key, { planned, taken, torch: Number(row.peak_gpu_torch_gb), rss: Number(row.peak_rss_gb) });
    }
  }
  for (const [kind, { planned, taken, torch, rss }] of kinds) {
    console.log(
      `  ${kind}: planned ${planned.toFixed(2)} GiB, taken ${taken.toFixed(2)} (tensors ${torch.toFixed(2)}), host ${rss.toFixed(2)}`,
    );
  }
  return over;
}
