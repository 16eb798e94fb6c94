// Runs a suite of scripted cells to its end while nx, executors and workers are killed at random, and looks at what is
// left with eyes of its own: nothing here uses the code it judges, but to start it.
import { seeded } from '../seeded.mjs';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandOf, executorsOf, processesOf, readOf } from './processes.js';
import { Rig } from './workspace.js';

/** One batch model and one in per-edit mode. */
export const CHAOS_SUITE = `
models:
  - { name: one, facts: { architecture: llama }, size_class: tiny, mode: batch }
  - { name: two, facts: { architecture: llama, seed: 2 }, size_class: tiny, mode: per-edit }
edits:
  clean: ['quant_rtn:8:128:ffn', 'magnitude_prune:0.1:ffn']
  stress: ['lowrank_svd:8:all', 'quant_rtn:4:32:all']
errors: [nan_injection, zero_layer]
benchmarks:
  - { name: mmlu, task: mmlu, fewshot: 0 }
  - { name: arc, task: arc_challenge, fewshot: 0 }
runs: { calibration: 3, clean: 2, stress: 1 }
dataset: { provider: local_jsonl, file: corpus.jsonl }
evaluation: { tasks: tasks }
`;

const VICTIMS = ['nx', 'executor', 'worker'] as const;
export type Victim = (typeof VICTIMS)[number];

export interface ChaosOutcome {
  cells: number;
  kills: Record<Victim, number>;
  rounds: number;
  /** What must not be, each in a sentence. */
  violations: string[];
}

export async function chaos(seed: number, kills: number, slots = 4): Promise<ChaosOutcome> {
  const random = seeded(seed);
  await using rig = new Rig(CHAOS_SUITE);
  rig.edit('workspace-config/site.yaml', (text) => text.replace('slots: auto', `slots: ${slots}`));
  await rig.generate();
  rig.script({ '*': { sleepMs: 300, exclusive: true } });
  const killed: Record<Victim, number> = { nx: 0, executor: 0, worker: 0 };
  const total = (): number => killed.nx + killed.executor + killed.worker;
  let rounds = 0;
  while (total() < kills) {
    rounds += 1;
    // A suite that is finished before enough was killed is made anew: every cell again, whatever its receipt says.
    const anew =
      rounds > 1 && cellsOf(rig).every(({ parts }) => parts.every(({ receipt }) => rig.exists(receipt)));
    const run = rig.start(['run-many', '-t', 'certify', ...(anew ? ['--skip-nx-cache'] : [])]);
    const over = new AbortController();
    void run.then(() => {
      over.abort();
    });
    while (!over.signal.aborted && total() < kills) {
      await sleep(50 + random() * 450);
      // In the second half the kind that none was killed of yet: nx comes once in ten times.
      const none = total() * 2 < kills ? undefined : VICTIMS.find((kind) => killed[kind] === 0);
      const victim = strike(rig, run.pid ?? 0, random, none);
      if (victim === undefined) continue;
      killed[victim] += 1;
      if (victim === 'nx') break;
    }
    await run;
  }
  // The same command goes on, whatever was killed: failed cells are tried again.
  for (let last = 1; last <= 4; last += 1) {
    rounds += 1;
    if ((await rig.certify()).exitCode === 0) break;
  }
  return { cells: cellsOf(rig).length, kills: killed, rounds, violations: await violationsOf(rig) };
}

/**
 * Kill one process of the run while cells are at work: nx seldom, as it takes all others with it. Earlier there is only
 * the executor of the Python environment, and without that nothing would run at all.
 */
function strike(rig: Rig, nx: number, random: () => number, asked: Victim | undefined): Victim | undefined {
  const workers = workersOf(rig);
  if (workers.length === 0) return undefined;
  const executors = executorsOf(nx);
  const choice = random();
  const wanted: Victim = asked ?? (choice < 0.1 ? 'nx' : choice < 0.4 ? 'executor' : 'worker');
  const pids: Record<Victim, number[]> = { nx: [nx], executor: executors, worker: workers };
  const pid = pids[wanted][Math.floor(random() * pids[wanted].length)];
  return pid !== undefined && kill(pid) ? wanted : undefined;
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

function workersOf(rig: Rig): number[] {
  return processesOf(rig).filter((pid) => readOf(pid, 'cmdline').includes('scripted-python'));
}

interface CellOfProject {
  id: string;
  parts: { receipt: string }[];
}

/** From the generated projects. */
function cellsOf(rig: Rig): CellOfProject[] {
  const suite = join(rig.root, 'suites/rig');
  return readdirSync(suite, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('project.json'))
    .flatMap((path) => {
      const project = JSON.parse(readFileSync(join(suite, path), 'utf8')) as {
        name: string;
        targets: Record<string, { executor?: string; options: { parts: { receipt: string }[] } }>;
      };
      return Object.entries(project.targets).flatMap(([target, { executor, options }]) =>
        executor === './tools:cell' ? { id: `${project.name}:${target}`, parts: options.parts } : [],
      );
    });
}

async function violationsOf(rig: Rig): Promise<string[]> {
  const found: string[] = [];
  for (const { id, parts } of cellsOf(rig)) {
    for (const { receipt } of parts) found.push(...receiptProblems(rig, id, receipt));
  }
  found.push(...tornFiles(rig));
  if (rig.exists('overlaps.jsonl'))
    found.push(`cells ran twice at a time: ${rig.read('overlaps.jsonl').trim()}`);
  for (let look = 0; look < 100 && processesOf(rig).length > 0; look += 1) await sleep(100);
  const left = processesOf(rig).map((pid) => `${pid} (${commandOf(pid).slice(0, 120)})`);
  if (left.length > 0) found.push(`processes are left: ${left.join(', ')}`);
  for (const kind of ['leases', 'tickets']) {
    const path = join(rig.lockDirectory, kind);
    const records = existsSync(path) ? readdirSync(path) : [];
    if (records.length > 0) found.push(`${kind} are left: ${records.join(', ')}`);
  }
  return found;
}

/** One valid receipt a part, and every result it speaks of whole, by its own digest. */
function receiptProblems(rig: Rig, id: string, path: string): string[] {
  if (!rig.exists(path)) return [`${id} has no receipt (${path})`];
  let receipt: { results?: Record<string, string>; attempts?: unknown[] };
  try {
    receipt = JSON.parse(rig.read(path)) as typeof receipt;
  } catch {
    return [`${path} is torn`];
  }
  const results = Object.entries(receipt.results ?? {});
  if (results.length === 0 || !Array.isArray(receipt.attempts)) return [`${path} says nothing`];
  return results.flatMap(([file, digest]) => {
    if (!rig.exists(file)) return [`${file} is gone, though ${path} speaks of it`];
    const real = createHash('sha256')
      .update(readFileSync(join(rig.root, file)))
      .digest('hex');
    return real === digest ? [] : [`${file} is not what ${path} says`];
  });
}

/** Every JSON file of the output tree reads; nothing half-written lies where results lie. */
function tornFiles(rig: Rig): string[] {
  const output = join(rig.root, 'output');
  return readdirSync(output, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const path = join(entry.parentPath, entry.name);
      const inLogs = path.includes('/logs/');
      if (!inLogs && entry.name.endsWith('.tmp')) return [`${path} was left`];
      if (inLogs || !entry.name.endsWith('.json') || entry.name === 'errors.json') return [];
      try {
        JSON.parse(readFileSync(path, 'utf8'));
        return [];
      } catch {
        return [`${path} is torn`];
      }
    });
}
