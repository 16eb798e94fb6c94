// `npm run bench`: the project's measures, each compared within one run. `npm run bench -- plan` runs one of them;
// `warm` is the first half of `smoke`, `model` both halves for one model; `dose` runs the suite of ladders; `kernels` needs a GPU;
// `evaluation` and `windows` are on a CPU, or with --cuda on a GPU; `requests` measures what goes before an evaluation computes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { b200 } from './b200.mjs';
import { leases } from './leases.mjs';
import { outcomes } from './outcomes.mjs';
import { line, median } from './print.mjs';
import { dose, smoke } from './smoke.mjs';

const ROOT = join(import.meta.dirname, '..');

/** Planning the original script's 517 cells: in a new process, and again in a warm one. */
async function plan() {
  const script = `
    const began = performance.now();
    const { parseSuite } = await import(${JSON.stringify(join(ROOT, 'tools/dist/suite/load/load.js'))});
    const { planSuite } = await import(${JSON.stringify(join(ROOT, 'tools/dist/suite/plan/plan.js'))});
    const { projectFiles } = await import(${JSON.stringify(join(ROOT, 'tools/dist/suite/nx/project-json.js'))});
    const { readFileSync } = await import('node:fs');
    const text = readFileSync(${JSON.stringify(join(ROOT, 'suites/b200/suite.yaml'))}, 'utf8');
    const imported = performance.now();
    const time = (work) => { const start = performance.now(); const value = work(); return [performance.now() - start, value]; };
    const [load, suite] = time(() => BENCH_LOAD);
    const [cold, cells] = time(() => planSuite(suite));
    const [warm] = time(() => planSuite(suite));
    const [write] = time(() => projectFiles(suite));
    console.log(JSON.stringify({ imports: imported - began, load, cold, warm, write, cells: cells.length }));`;
  const runs = [];
  for (let i = 0; i < 7; i += 1) {
    const { stdout } = await execa(process.execPath, [
      '--input-type=module',
      '-e',
      script.replace('BENCH_LOAD', LOAD),
    ]);
    runs.push(JSON.parse(stdout.trim().split('\n').at(-1)));
  }
  const [{ cells }] = runs;
  for (const [key, what] of [
    ['imports', 'importing the planner'],
    ['load', 'reading and checking suite.yaml'],
    ['cold', `planning ${cells} cells, first call of a process`],
    ['warm', `planning ${cells} cells, second call`],
    ['write', 'turning them into project.json texts'],
  ]) {
    line(what, `${median(runs.map((run) => run[key])).toFixed(0)} ms`);
  }
}

/** On one core, or with --cuda on a GPU. */
async function python(script, given = flags) {
  await execa(join(ROOT, '.venv/bin/python'), [`bench/${script}.py`, ...given], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { PYTHONPATH: 'tools/python', OMP_NUM_THREADS: '1' },
  });
}

/** Peak memory of setup, edits and errors as the model grows; throughput against a plain copy. */
const edits = () => python('weights_streaming', ['--gib', '1', '2', '4']);

/** Edit kernels against a copy and the original script's way; a host without a GPU says so. */
async function kernels() {
  await execa(join(ROOT, '.venv/bin/python'), ['bench/edit_kernels.py'], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { PYTHONPATH: 'tools/python' },
  });
}

/** Shared prefixes against lm-eval's own way. */
const evaluation = () => python('evaluation');

/** InvarLock's windows one at a time against several in a forward pass. */
const windows = () => python('windows');

/** lm-eval's index and the making of requests, each as lm-eval does it and as evaluations here do. */
const requests = () => python('eval_requests', []);

/** Analysis and report of the original script's cells, and of ten times as many, each run in a process of its own. */
async function report() {
  const { layTree } = await import('./report-tree.mjs');
  for (const copies of [1, 10]) {
    const root = mkdtempSync(join(tmpdir(), 'validation-bench-report-'));
    try {
      const laid = layTree(root, copies);
      const planFile = join(root, 'plan.json');
      writeFileSync(planFile, JSON.stringify(laid));
      const runs = [];
      for (let i = 0; i < 5; i += 1) {
        rmSync(join(root, 'output/b200/reports'), { recursive: true, force: true });
        const { stdout } = await execa(process.execPath, ['bench/report-once.mjs', root, planFile], {
          cwd: ROOT,
        });
        runs.push(JSON.parse(stdout));
      }
      const of = (key) => median(runs.map((run) => run[key]));
      const cells = laid.cells.length;
      line(`${cells} cells: analysis and its files`, `${of('analysis').toFixed(0)} ms`);
      line(`${cells} cells: report, chart library included`, `${of('report').toFixed(0)} ms`);
      line(`${cells} cells: a new process for both, imports included`, `${of('total').toFixed(0)} ms`);
      line(`${cells} cells: both again, nothing changed`, `${of('again').toFixed(0)} ms`);
      line(`${cells} cells: size of the page`, `${(of('bytes') / 1e6).toFixed(2)} MB`);
      line(`${cells} cells: peak memory`, `${(of('rss') / 2 ** 20).toFixed(0)} MiB`);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }
}

/** False labels and power of the rules that label edits, as docs/method.md has them. */
async function groundTruth() {
  await execa(process.execPath, ['bench/ground-truth.mjs', '200'], { cwd: ROOT, stdio: 'inherit' });
}

const LOAD = `parseSuite('b200', text, () => ({ kind: 'none' })).value.suite`;
const BENCHES = { plan, b200, leases, report, outcomes, 'ground-truth': groundTruth, edits, smoke };
/** Run only when asked for by name. */
const PARTS = {
  kernels,
  evaluation,
  windows,
  requests,
  dose,
  warm: () => smoke({ alone: true }),
  model: () => smoke({ model: 'tiny-moe' }),
};

const given = process.argv.slice(2);
const wanted = given.filter((each) => each !== '--cuda');
const flags = given.filter((each) => each === '--cuda');
for (const name of wanted.filter((each) => !(each in { ...BENCHES, ...PARTS }))) {
  console.error(`no benchmark ${name}; there are ${Object.keys({ ...BENCHES, ...PARTS }).join(', ')}`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(wanted.length > 0 ? { ...BENCHES, ...PARTS } : BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n${name}`);
  await bench();
}
