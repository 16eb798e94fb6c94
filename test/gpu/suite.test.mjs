// The suite on real GPUs: leases and what nvidia-smi sees, sharing, a foreign process, a model of a 7B's shape over one GPU
// and over two, memory that runs out. `npm run test:gpu`; not part of `npm test`, which has no GPU.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { Checkout } from '../e2e/checkout.mjs';
import { comparePlan, gpus, kindOf, printSeconds, receipts, Watch } from './gpus.mjs';

const HERE = import.meta.dirname;
const LAYERS = process.env.WIDE_LAYERS ?? '16';
/** Of the smoke suite only this model, where time is short. */
const { SMOKE_MODEL, JUDGEMENTS } = process.env;
const SMOKE = SMOKE_MODEL === undefined ? [] : ['-p', `tag:model:${SMOKE_MODEL}`];
const NX = join(HERE, '../../node_modules/nx/dist/bin/nx.js');
const ON_GPU = new Set(['calibrate', 'baseline', 'eval', 'edit', 'certify']);
const allowed = await gpus();
const all = allowed.map(({ uuid }) => uuid);
const indices = allowed.map(({ index }) => index);
const [first = ''] = indices;
const pair = indices.slice(0, 2).join(',');
const one = all.length > 0 ? false : 'no GPU';
const two = all.length > 1 ? false : 'needs two GPUs';

/** Run nx and watch the GPUs meanwhile. */
async function watched(checkout, args, environment = {}) {
  const watch = new Watch(all);
  const began = Date.now();
  const { exitCode, all: output } = await checkout.start(process.execPath, [NX, ...args], environment);
  const seconds = (Date.now() - began) / 1000;
  await watch.stop();
  assert.equal(exitCode, 0, output.split('\n').slice(-60).join('\n'));
  return { output, seconds, watch };
}

const certify = (checkout, which = [], environment = {}) =>
  watched(checkout, ['run-many', '-t', 'certify', ...which], environment);

/** What each certificate says, without times, ids and paths; by its file. */
function judgements(root, suite) {
  const output = join(root, 'output', suite);
  const files = readdirSync(output, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('evaluation.cert.json'))
    .sort();
  return new Map(
    files.map((file) => {
      const { validation, primary_metric } = parsed(readFileSync(join(output, file), 'utf8'));
      return [
        file,
        { validation, ratio: primary_metric.ratio_vs_baseline, interval: primary_metric.display_ci },
      ];
    }),
  );
}

/** InvarLock writes NaN, which JSON does not know. */
const parsed = (text) => JSON.parse(text.replace(/(?<=[:[,]\s*)-?(NaN|Infinity)(?=\s*[,\]}])/g, 'null'));

/** Judgements of the smoke suite seen so far, here or by an earlier run that kept them in the same file. */
const seen = new Map(
  JUDGEMENTS !== undefined && existsSync(JUDGEMENTS)
    ? Object.entries(JSON.parse(readFileSync(JUDGEMENTS, 'utf8')))
    : [],
);

/** However many GPUs, and however they are shared: the judgements are the same. */
function sameJudgements(root) {
  const made = judgements(root, 'smoke');
  const alone = seen.size === 0;
  assert.ok(made.size > 0, 'no certificate');
  const again = [...made.keys()].filter((file) => seen.has(file));
  for (const file of again) assert.deepEqual(made.get(file), seen.get(file), file);
  for (const [file, judgement] of made) seen.set(file, judgement);
  if (JUDGEMENTS !== undefined) writeFileSync(JUDGEMENTS, JSON.stringify(Object.fromEntries(seen)));
  assert.ok(alone || again.length > 0, 'none of the certificates was made before');
  const compared = alone
    ? 'compared with none: another test or JUDGEMENTS first'
    : `${again.length} as before`;
  console.log(`  ${made.size} judgements, ${compared}`);
}

/** Change workspace-config/site.yaml of a checkout. */
function site(checkout, ...changes) {
  const file = join(checkout.root, 'workspace-config/site.yaml');
  let text = readFileSync(file, 'utf8');
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `site.yaml has no ${from}`);
    text = text.replace(from, to);
  }
  writeFileSync(file, text);
}

/** Results of a cell's parts are taken away: it has to run again, and nothing else. */
function forget(checkout, suite, pattern) {
  if (!existsSync(join(checkout.root, 'output', suite))) return;
  for (const { cell, results } of receipts(checkout.root, suite)) {
    if (!pattern.test(cell)) continue;
    for (const path of Object.keys(results)) rmSync(join(checkout.root, path), { force: true });
  }
}

describe('the suite on real GPUs', { concurrency: 1 }, () => {
  /** @type {Checkout} */
  let checkout;

  before(async () => {
    checkout = await Checkout.create({ GPU_ID_LIST: first, MIN_FREE_DISK_GB: '2' });
  });
  after(async () => {
    await checkout[Symbol.asyncDispose]();
  });

  test('smoke, one GPU: its cells run there, one at a time, and nowhere else', { skip: one }, async () => {
    const { output, seconds, watch } = await certify(checkout, SMOKE);
    if (SMOKE_MODEL === undefined) assert.match(output, /all 84 cells finished/);
    assert.deepEqual([...watch.used()], [all[0]]);
    assert.equal(watch.mostOnOne(), 1);
    for (const receipt of receipts(checkout.root, 'smoke').filter((each) => ON_GPU.has(kindOf(each)))) {
      assert.deepEqual(receipt.gpus, [all[0]], receipt.cell);
      assert.match(receipt.deviceClass, /^cuda-/);
    }
    console.log(`  smoke on one GPU: ${seconds.toFixed(0)} s, ${watch.looks.length} looks`);
    printSeconds(checkout.root, 'smoke');
    sameJudgements(checkout.root);
    assert.deepEqual(comparePlan(checkout.root, 'smoke'), []);
  });

  test(
    'smoke, two GPUs: both work at once, a cell a GPU, with the same judgements',
    { skip: two },
    async () => {
      const other = await Checkout.create({ GPU_ID_LIST: pair });
      try {
        const { output, seconds, watch } = await certify(other, SMOKE);
        if (SMOKE_MODEL === undefined) assert.match(output, /all 84 cells finished/);
        assert.equal(watch.used().size, 2);
        assert.equal(watch.mostOnOne(), 1);
        assert.equal(watch.mostGpus(), 2);
        console.log(`  smoke on two GPUs: ${seconds.toFixed(0)} s`);
        sameJudgements(other.root);
      } finally {
        await other[Symbol.asyncDispose]();
      }
    },
  );

  test(
    'sharing by memory: several cells on one GPU at once, with the same judgements',
    { skip: one },
    async () => {
      const other = await Checkout.create({ GPU_ID_LIST: first });
      try {
        site(other, ['require_idle: true', 'require_idle: false'], ['sharing: exclusive', 'sharing: memory']);
        const { seconds, watch } = await certify(other, SMOKE);
        assert.deepEqual([...watch.used()], [all[0]]);
        assert.ok(watch.mostOnOne() > 1, 'never two processes at once');
        console.log(`  smoke, sharing: ${seconds.toFixed(0)} s, up to ${watch.mostOnOne()} cells at once`);
        sameJudgements(other.root);
      } finally {
        await other[Symbol.asyncDispose]();
      }
    },
  );

  test('a GPU on which somebody else computes takes no cell until it is over', { skip: one }, async () => {
    await watched(checkout, ['run', 'smoke.tiny-moe.baseline:setup']);
    const hog = execa(pythonOf(checkout), [join(HERE, 'hog.py'), first, '5', '20']);
    await says(hog, 'holding');
    forget(checkout, 'smoke', /tiny-moe\.baseline:eval/);
    const run = watched(checkout, ['run', 'smoke.tiny-moe.baseline:eval', '--skip-nx-cache']);
    await sleep(12_000);
    const { all: status } = await checkout.start(process.execPath, [NX, 'status', 'smoke']);
    await hog;
    const freed = Date.now();
    await run;
    const { attempts } = receipts(checkout.root, 'smoke').find(
      ({ cell }) => cell === 'smoke.tiny-moe.baseline:eval',
    );
    assert.ok(
      Date.parse(attempts.at(-1).startedAt) >= freed - 1_000,
      'it started while somebody else was there',
    );
    console.log(
      status
        .split('\n')
        .filter((line) => /GPU|wait/i.test(line))
        .slice(0, 8)
        .join('\n'),
    );
    assert.match(status, /another program's process is on it/);
  });

  test('a model of a 7B’s shape: setup, edits, an error, certificates in bf16', { skip: one }, async () => {
    await wide(checkout);
    const steps = [
      ['setup', ['run', 'wide.wide.baseline:setup']],
      ['calibration, preset, baseline report', ['run', 'wide.wide.baseline:baseline-1']],
      ['edits in one pass', ['run', 'wide.wide.edits:edit']],
      ['certificate of an edit', ['run', 'wide.wide.quant_8bit_clean:certify-1']],
      ['evaluation', ['run', 'wide.wide.baseline:eval']],
      ['an error and its certificate', ['run', 'wide.wide.error_scale_explosion:certify-1']],
    ];
    const told = new Set();
    for (const [name, args] of steps) {
      const { seconds } = await watched(checkout, args);
      console.log(`  ${name}: ${seconds.toFixed(0)} s`);
      for (const { cell, runSeconds, settings, peakGpuBytes } of receipts(checkout.root, 'wide')) {
        if (told.has(cell)) continue;
        told.add(cell);
        console.log(
          `    ${cell}: ${runSeconds.toFixed(1)} s ${JSON.stringify({ ...settings, ...peakGpuBytes })}`,
        );
      }
    }
    const certified = receipts(checkout.root, 'wide').find(({ cell }) =>
      cell.endsWith('quant_8bit_clean:certify-1'),
    );
    assert.deepEqual(certified.gpus, [all[0]]);
    assert.deepEqual(comparePlan(checkout.root, 'wide'), []);
  });

  test('declared too large for one GPU, it is spread over two', { skip: two }, async () => {
    if (!existsSync(join(checkout.root, 'models/wide'))) await wide(checkout);
    const twoSmall = {
      GPU_ID_LIST: pair,
      GPU_MEMORY_GB: String(Math.ceil(Number(LAYERS) * 0.41 * 0.6) + 6),
    };
    for (const [target, pattern] of [
      ['eval', /wide\.baseline:eval/],
      ['baseline-1', /wide\.baseline:baseline-1/],
    ]) {
      forget(checkout, 'wide', pattern);
      const args = ['run', `wide.wide.baseline:${target}`, '--skip-nx-cache'];
      const { watch, seconds } = await watched(checkout, args, twoSmall);
      const receipt = receipts(checkout.root, 'wide').find(({ cell }) => pattern.test(cell));
      assert.deepEqual([...receipt.gpus].sort(), [...all.slice(0, 2)].sort());
      assert.equal(watch.widest(1), 2, 'no process with more than a GiB on both');
      assert.match(receipt.settings.placed, /^cuda:0 \S+ GiB, cuda:1 \S+ GiB$/);
      console.log(
        `  ${target} over two GPUs: ${seconds.toFixed(0)} s, weights on ${receipt.settings.placed}`,
      );
    }
  });

  test(
    'memory that runs out under a cell is waited for, and the cell then ends well',
    { skip: one },
    async () => {
      if (!existsSync(join(checkout.root, 'models/wide'))) await wide(checkout);
      const trigger = join(checkout.root, 'hog-now');
      const hog = execa(pythonOf(checkout), [join(HERE, 'hog.py'), first, '200', '20', trigger]);
      await says(hog, 'ready');
      forget(checkout, 'wide', /wide\.baseline:eval/);
      const run = watched(checkout, ['run', 'wide.wide.baseline:eval', '--skip-nx-cache']);
      let over = false;
      const ended = run.finally(() => (over = true));
      while (!over && !evaluates(join(checkout.locks, 'leases'))) await sleep(20);
      writeFileSync(trigger, '');
      await hog;
      await ended;
      const { attempts } = receipts(checkout.root, 'wide').find(({ cell }) => /baseline:eval/.test(cell));
      console.log(
        `  attempts: ${attempts.map(({ cause, changed }) => `${cause ?? 'well'} ${JSON.stringify(changed ?? {})}`).join('; ')}`,
      );
      assert.ok(attempts.length > 1);
      assert.match(attempts[0].cause, /memory/);
    },
  );
});

/** Whether an evaluation holds a lease. */
function evaluates(leases) {
  try {
    return readdirSync(leases).some((name) => readFileSync(join(leases, name), 'utf8').includes('"eval"'));
  } catch {
    // One that ended in this instant.
    return false;
  }
}

/** Wait until a process has printed a word. */
function says(child, word) {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes(word)) resolve(text);
    });
    child.catch(reject);
  });
}

const pythonOf = ({ root }) => join(root, '.venv/bin/python');

/** Suite `wide`: one local model of a 7B's shape, with the smoke suite's tokenizer, texts and tasks. */
async function wide(checkout) {
  const { root } = checkout;
  // The tokenizer is the smoke suite's.
  await watched(checkout, ['run', 'smoke.tiny-moe.baseline:setup']);
  const baseline = receipts(root, 'smoke').find(({ cell }) => cell === 'smoke.tiny-moe.baseline:setup');
  const model = join(root, 'models/wide');
  mkdirSync(join(root, 'models'), { recursive: true });
  const args = [join(HERE, 'wide_model.py'), model, join(root, '.weights', baseline.recipe), LAYERS];
  const made = await execa(pythonOf(checkout), args, { env: { CUDA_VISIBLE_DEVICES: first } });
  console.log(`  ${made.stdout}`);
  mkdirSync(join(root, 'suites/wide'), { recursive: true });
  writeFileSync(join(root, 'suites/wide/suite.yaml'), SUITE);
  await watched(checkout, ['g', './tools:suite', 'wide']);
}

/** The original script's clean edits alone, where the disk has no room for all eight. */
const EDITS =
  process.env.WIDE_STRESS === 'no'
    ? "edits: { clean: ['quant_rtn:8:128:ffn', 'fp4_quant:e2m1:ffn', 'magnitude_prune:0.1:ffn', 'lowrank_svd:256:ffn'], stress: [] }\n"
    : '';

const SUITE = `${EDITS}description: Random weights of a 7B's shape
tier: balanced
determinism: throughput
models:
  - { name: wide, path: ../../models/wide, size_class: 7b, mode: batch }
errors: [scale_explosion]
benchmarks:
  - { name: arc, task: smoke_arc, fewshot: 0 }
evaluation: { split: auto, tasks: ../smoke/tasks, batch_size: 16 }
runs: { calibration: 1, clean: 1, stress: 1 }
dataset: { provider: local_jsonl, file: ../smoke/data/heldout.jsonl, text_field: text }
windows: { 7b: { seq_len: 128, preview: 200, final: 200 } }
invarlock: { bootstrap: 1200, batch_size: 32 }
`;
