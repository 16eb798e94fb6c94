// Suite ci with what stands in for the hub: GPT-2 models made here, and the tasks and text of the smoke suite.
import { appendFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkout } from './checkout.mjs';

export interface LocalModel {
  /** The last segment of its path, and so its name. */
  name: string;
  hidden: number;
  layers: number;
  steps: number;
  seed: number;
}

/** Train a GPT-2 on the smoke suite's facts and save it; returns its directory, for MODEL_1 and the like. */
export async function makeGpt2(
  checkout: Checkout,
  { name, hidden, layers, steps, seed }: LocalModel,
): Promise<string> {
  const directory = join(checkout.root, '.local-models', name);
  const sizes = Object.entries({ hidden, layers, steps, seed }).flatMap(([key, value]) => [
    `--${key}`,
    String(value),
  ]);
  const made = await checkout.run(
    join(checkout.root, '.venv/bin/python'),
    [join(checkout.root, 'tools/python/tests/support/local_gpt2.py'), directory, ...sizes],
    { OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1' },
  );
  if (made.exitCode !== 0) throw new Error(made.output);
  console.log(`${name}: ${made.output.trim().split('\n').at(-1) ?? ''}, ${made.seconds.toFixed(0)} s`);
  return directory;
}

/**
 * What a person without the hub adds to suites/ci: a directory of tasks of their own, which benchmarks name, and a text.
 * Models and the text's name are given to `nx g`.
 *
 * @param items questions a task; all of them where it is not given.
 */
export function useLocalData({ root }: Checkout, items?: number): Record<string, string> {
  const suite = join(root, 'suites/ci');
  for (const name of ['tasks', 'data']) {
    cpSync(join(root, 'suites/smoke', name), join(suite, name), { recursive: true });
  }
  for (const name of readdirSync(join(suite, 'tasks')).filter((file) => file.endsWith('.jsonl'))) {
    const path = join(suite, 'tasks', name);
    const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
    writeFileSync(path, `${lines.slice(0, items).join('\n')}\n`);
  }
  appendFileSync(
    join(suite, 'suite.yaml'),
    `
benchmarks:
  - { name: mmlu, task: smoke_mmlu }
  - { name: hellaswag, task: smoke_hellaswag }
  - { name: arc, task: smoke_arc }
  - { name: winogrande, task: smoke_winogrande }
evaluation: { tasks: tasks }
`,
  );
  return { INVARLOCK_DATASET: 'data/heldout.jsonl' };
}
