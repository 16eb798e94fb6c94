// Tables of outcomes of b200's size: reading one, joining it with the baseline's, labelling; memory with all in hand.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { line, median } from './print.mjs';

const ROOT = join(import.meta.dirname, '..');
const TOOLS = join(ROOT, 'tools/dist/results');
const BENCHMARKS = ['mmlu', 'hellaswag', 'arc_challenge', 'winogrande'];
/** Of eight models: the baseline and eight edits each. */
const VARIANTS = 72;

export async function outcomes() {
  const { parseOutcomes } = await import(join(TOOLS, 'read/outcomes.js'));
  const { joinArms } = await import(join(TOOLS, 'analysis/ground-truth/pairs.js'));
  const { labelOf } = await import(join(TOOLS, 'analysis/ground-truth/label.js'));
  const directory = mkdtempSync(join(tmpdir(), 'validation-bench-outcomes-'));
  try {
    const [baseline, edit] = await Promise.all([1, 2].map((seed) => table(directory, seed)));
    const before = await parseOutcomes(baseline);
    const kept = [];
    const times = { read: [], label: [] };
    for (let variant = 0; variant < VARIANTS; variant += 1) {
      const began = performance.now();
      const after = await parseOutcomes(edit);
      const read = performance.now();
      const joined = BENCHMARKS.map((name) => joinArms(name, before, after));
      const broken = joined.find(({ ok }) => !ok);
      if (broken !== undefined) throw new Error(broken.mismatch);
      labelOf(
        joined.map(({ value }) => value),
        { overall: 0.01, perBenchmark: 0.02 },
      );
      times.read.push(read - began);
      times.label.push(performance.now() - read);
      kept.push(after);
    }
    const items = before.task.length.toLocaleString('en');
    line(`a table of ${items} items`, `${(edit.length / 1e6).toFixed(2)} MB`);
    line('reading it', `${median(times.read).toFixed(0)} ms`);
    line('joining it with the baseline, labelling', `${median(times.label).toFixed(0)} ms`);
    line(
      `${kept.length} of them in memory, peak`,
      `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function table(directory, seed) {
  const path = join(directory, `${seed}.parquet`);
  await execa(
    join(ROOT, '.venv/bin/python'),
    [join(ROOT, 'tools/python/tests/support/made_outcomes.py'), 'real', path, String(seed)],
    {
      env: { PYTHONPATH: join(ROOT, 'tools/python'), OMP_NUM_THREADS: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return readFileSync(path);
}
