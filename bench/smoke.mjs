// The smoke suite, installed and with nothing cached: with warm hosts and shared baselines, and as a process and a fresh
// baseline a cell; where its core-seconds go; and again from the cache and from receipts.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Checkout } from '../test/e2e/checkout.mjs';
import { CpuMeter } from './cpu-meter.mjs';
import { line, median } from './print.mjs';

/** With `alone`, only the first of the two runs; with a model, only its cells. */
export async function smoke({ alone = false, model } = {}) {
  const which = model === undefined ? [] : ['-p', `tag:model:${model}`];
  const warm = await measured({ warm: true, which }, model === undefined ? again : undefined);
  if (alone) return;
  console.log('  a process a cell, a fresh baseline a certificate:');
  const cold = await measured({ warm: false, which });
  const factor = (name) => (cold[name] / warm[name]).toFixed(1);
  line('speed-up, wall time', `${factor('wall')} x`);
  line('speed-up, core-seconds', `${factor('cores')} x`);
}

/** The suite of ladders, with warm hosts. */
export async function dose() {
  await measured({ warm: true, suite: 'dose', which: [] });
}

/** One run from nothing, and what is measured of it; without a suite, of all that have been generated: smoke. */
async function measured({ warm, which, suite }, then = async () => 0) {
  const checkout = await Checkout.create();
  try {
    if (suite !== undefined) await checkout.nx('g', './tools:suite', suite);
    if (!warm) {
      rewrite(checkout, 'workspace-config/site.yaml', 'warm: true', 'warm: false');
      rewrite(checkout, 'suites/smoke/suite.yaml', '\nruns:', '\ncertify: { baseline: fresh }\nruns:');
      await checkout.nx('g', './tools:suite', 'smoke');
    }
    const meter = new CpuMeter(checkout.root);
    const run =
      suite === undefined
        ? await checkout.nx('run-many', '-t', 'certify', ...which)
        : await checkout.nx('run', `${suite}:certify`);
    const shares = meter.stop();
    if (run.exitCode !== 0) {
      // Figures of a run that failed say nothing.
      throw new Error(`nx ended with ${run.exitCode}:\n${run.output.split('\n').slice(-60).join('\n')}`);
    }
    const scheduled = await then(checkout);
    const window = span(checkout.root);
    const imports = warm ? shares.host : await importSeconds(checkout.root);
    const cores = shares.host + shares.python + shares.node;
    line('wall', `${run.seconds.toFixed(0)} s`);
    line('core-seconds', cores.toFixed(0));
    line('  imports', imports.toFixed(0));
    line('  compute', (shares.host + shares.python - imports).toFixed(0));
    if (scheduled > 0) {
      line('  Nx, and starting executors', scheduled.toFixed(0));
      line('  scheduler, fingerprints, receipts', (shares.node - scheduled).toFixed(0));
    } else line('  Nx, executors, scheduler', shares.node.toFixed(0));
    line(
      '  idle (nobody used them)',
      `${meter.idleSeconds().toFixed(0)} of ${(run.seconds * availableParallelism()).toFixed(0)}`,
    );
    const wanted = `${(100 * meter.wanted(window.from, window.to)).toFixed(0)} %`;
    line('cores in use, first calibration to last certificate', wanted);
    return { wall: run.seconds, cores };
  } finally {
    await checkout[Symbol.asyncDispose]();
  }
}

/** The finished suite once more; core-seconds of a run in which executors start and find all receipts. */
async function again(checkout) {
  const certify = () => checkout.nx('run-many', '-t', 'certify');
  const cached = [];
  for (let i = 0; i < 3; i += 1) cached.push((await certify()).seconds);
  line('again, from the cache', `${median(cached).toFixed(1)} s (median of 3)`);
  await checkout.nx('reset');
  const meter = new CpuMeter(checkout.root);
  line('after nx reset, from receipts', `${(await certify()).seconds.toFixed(1)} s`);
  const { node } = meter.stop();
  const sync = [];
  for (let i = 0; i < 3; i += 1) sync.push((await checkout.nx('sync:check')).seconds);
  line('nx sync:check', `${median(sync).toFixed(1)} s (median of 3)`);
  return node;
}

/** When the first calibration began and the last certificate ended, ms since the epoch. */
function span(root) {
  const receipts = readdirSync(join(root, 'output'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /receipt\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(root, 'output', name), 'utf8')));
  const times = (kind, key) =>
    receipts.filter(({ cell }) => cell.includes(`:${kind}-`)).map((receipt) => Date.parse(receipt[key]));
  return { from: Math.min(...times('calibrate', 'startedAt')), to: Math.max(...times('certify', 'endedAt')) };
}

/** What importing costs when every cell does it: core-seconds of each kind's modules, times its cells. */
async function importSeconds(root) {
  const stages = [
    ['edit|inject|preset', 'numpy torch safetensors.torch'],
    ['setup', 'torch transformers.modeling_utils'],
    ['calibrate|certify', 'invarlock.cli.commands.certify invarlock.cli.commands.run invarlock.core.runner'],
    ['eval', 'lm_eval.evaluator lm_eval.models.huggingface datasets'],
  ];
  const cells = readdirSync(join(root, 'output'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /attempt-1\/job\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(root, 'output', name), 'utf8')).kind);
  let seconds = 0;
  for (const [kinds, modules] of stages) {
    const script = `import time, importlib\nfor name in ${JSON.stringify(modules.split(' '))}: importlib.import_module(name)\nprint(time.process_time())`;
    const options = { env: { OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' } };
    const { stdout } = await execa(join(root, '.venv/bin/python'), ['-c', script], options);
    const count = cells.filter((kind) => new RegExp(`^(${kinds})$`).test(kind)).length;
    seconds += count * Number(stdout.trim().split('\n').at(-1));
  }
  return seconds;
}

function rewrite(checkout, path, from, to) {
  const file = join(checkout.root, path);
  const text = readFileSync(file, 'utf8');
  if (!text.includes(from)) throw new Error(`${path} has no ${JSON.stringify(from)}`);
  writeFileSync(file, text.replace(from, to));
}
