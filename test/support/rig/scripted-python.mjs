#!/usr/bin/env node
// Stands in for .venv/bin/python in rig tests: reads the job file, leaves what the real cell would, and can be told to
// sleep, fail or die by <workspace>/script.json: { "<cell>": { "sleepMs", "exit", "fault", "signal", "omit", … } }; with
// "attempts": n only its first n attempts do.
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

// What benchmarks read, for `nx g`: nothing that could be pinned.
if (process.argv.includes('validation.evaluation.task_datasets')) {
  console.log('{}');
  process.exit(0);
}
const job = JSON.parse(readFileSync(process.argv[process.argv.indexOf('--spec') + 1], 'utf8'));
const workspace = process.env.RIG_WORKSPACE;
const script = scriptOf(job.cell);
const log = (event) => writeSync(3, `${JSON.stringify(event)}\n`);
const record = (what) =>
  appendFileSync(
    join(workspace, 'ran.jsonl'),
    `${JSON.stringify({ what, cell: job.cell, pid: process.pid, at: Date.now(), parts: job.parts.map(({ name }) => name), gpus: process.env.CUDA_VISIBLE_DEVICES })}\n`,
  );

process.stdin.resume();
process.stdin.on('end', () => process.kill(-process.pid, 'SIGKILL'));
if (script.deaf) process.on('SIGTERM', () => undefined);

if (script.exclusive) claim();
record('start');
console.log(`scripted ${job.cell}`);
if (script.print) console.log(script.print);
if (script.byproduct) writeFileSync(join(job.logs, 'notes.txt'), script.byproduct);
if (script.environment) console.log(process.env[script.environment]);
for (const line of script.events ?? []) writeSync(3, Buffer.from(line, 'latin1'));
if (script.sleepMs) await sleep(script.sleepMs);
while (script.until && !existsSync(join(workspace, script.until))) await sleep(50);
if (script.signal) process.kill(process.pid, script.signal);
if (script.gpuFreeMiB !== undefined) {
  mkdirSync(join(workspace, 'gpu-free'), { recursive: true });
  for (const gpu of process.env.CUDA_VISIBLE_DEVICES.split(',')) {
    writeFileSync(join(workspace, 'gpu-free', gpu), String(script.gpuFreeMiB));
  }
}
if (script.fault) {
  log({ event: 'fault', code: script.fault, message: script.message ?? 'as scripted', hint: '' });
  record('end');
  process.exit(script.exit);
}
for (const part of job.parts) {
  for (const [file, text] of Object.entries(resultsOf(part))) {
    if (!(script.omit ?? []).includes(file)) writeFileSync(join(part.out, file), text);
  }
  log({ event: 'part', name: part.name });
}
log({
  event: 'usage',
  peak_rss_bytes: 1000,
  peak_gpu_bytes: process.env.CUDA_VISIBLE_DEVICES ? 2000 : null,
  bytes_written: 3000,
});
record('end');
// As a cell that was forked tells it, in case its host is dead.
log({ event: 'exit', code: script.exit ?? 0 });
process.exit(script.exit ?? 0);

/** Notes when another living process runs the same cell: an eye of its own on what leases promise. */
function claim() {
  const path = join(workspace, 'running', job.cell);
  mkdirSync(join(workspace, 'running'), { recursive: true });
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
  } catch {
    const other = Number(readFileSync(path, 'utf8'));
    const alive =
      existsSync(`/proc/${other}/cmdline`) &&
      readFileSync(`/proc/${other}/cmdline`, 'utf8').includes('scripted-python');
    if (
      other !== process.pid &&
      alive &&
      readFileSync(`/proc/${other}/environ`, 'utf8').includes(workspace)
    ) {
      const line = JSON.stringify({ cell: job.cell, pids: [other, process.pid] });
      // Dying, perhaps: a killed process may be seen for a moment longer.
      setTimeout(
        () =>
          existsSync(`/proc/${other}/cmdline`) &&
          appendFileSync(join(workspace, 'overlaps.jsonl'), `${line}\n`),
        20,
      );
    }
    writeFileSync(path, String(process.pid));
  }
  process.on('exit', () => rmSync(path, { force: true }));
}

function scriptOf(cell) {
  const path = join(workspace, 'script.json');
  const all = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const script = all[cell] ?? all['*'] ?? {};
  const attempt = Number(/attempt-(\d+)/.exec(job.work)?.[1] ?? 1);
  return attempt > (script.attempts ?? Infinity) ? {} : script;
}

function resultsOf(part) {
  const json = (value) => `${JSON.stringify(value, null, 2)}\n`;
  switch (job.kind) {
    case 'data':
      return { 'manifest.json': makeWeights(part), 'datasets.json': json(part.spec.revisions) };
    case 'setup':
      return { 'manifest.json': makeWeights(part), 'profile.json': json({ model_id: job.model }) };
    case 'edit':
    case 'adopt':
    case 'program':
      return { 'manifest.json': makeWeights(part), 'edit_metadata.json': json(part.spec) };
    case 'inject':
      return { 'manifest.json': makeWeights(part), 'error_metadata.json': json(part.spec) };
    case 'calibrate':
      return { 'extract.json': json({ run: part.spec.run }), 'report.json': json({ at: Date.now() }) };
    case 'preset':
      return { 'preset.yaml': 'dataset: {}\n', 'calibration_stats.json': json({}) };
    case 'baseline':
      return { 'report.json': json({ run: part.spec.run }) };
    case 'eval':
      return {
        'results.json': json({ benchmarks: Object.fromEntries(part.spec.benchmarks.map(score)) }),
        'outcomes.parquet': outcomes(part.spec.benchmarks),
      };
    default:
      return {
        'outcome.json': json({ schema: 1, status: 'certified', exit_code: 0, reason: null }),
        'evaluation.cert.json': json(certificate()),
      };
  }
}

/** As tools/python/tests/support/made_outcomes.py made them. */
function outcomes(benchmarks) {
  const names = benchmarks.map(({ name }) => name).join('_');
  return readFileSync(new URL(`outcomes/${names}.parquet`, import.meta.url));
}

function score({ name, task }) {
  return [name, { task, metric: 'acc,none', accuracy: 0.9, stderr: 0.01, n: 128 }];
}

/** Bytes follow from the recipe alone, as with the real edits. */
function makeWeights({ store }) {
  const content = `weights of ${store.recipe}\n`.padEnd(script.bytes ?? 0, 'w');
  const file = {
    path: 'model.safetensors',
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  };
  const manifest = `${JSON.stringify({ schema: 1, recipe: store.recipe, files: [file], bytes: content.length }, null, 2)}\n`;
  const entry = join(store.root, store.recipe);
  if (job.remake) rmSync(entry, { recursive: true, force: true });
  if (!existsSync(entry)) {
    const staging = join(store.root, `.tmp-${store.recipe}-${process.pid}`);
    mkdirSync(staging, { recursive: true });
    if (content.length > Number(process.env.RIG_STORE_QUOTA ?? Infinity)) {
      throw new Error('ENOSPC: No space left on device (quota)');
    }
    writeFileSync(join(staging, file.path), content);
    writeFileSync(join(staging, 'manifest.json'), manifest);
    renameSync(staging, entry);
  }
  return manifest;
}

function certificate() {
  const bad = job.cell.includes('stress') || job.cell.includes('.error_');
  return {
    validation: {
      invariants_pass: true,
      primary_metric_acceptable: !bad,
      spectral_stable: true,
      rmt_stable: true,
      preview_final_drift_acceptable: true,
      guard_overhead_acceptable: true,
    },
    primary_metric: {
      kind: 'ppl_causal',
      preview: 10,
      final: 10,
      ratio_vs_baseline: bad ? 3 : 1,
      display_ci: bad ? [2.9, 3.1] : [0.99, 1.01],
    },
    confidence: { label: 'High' },
    auto: { tier: 'balanced' },
  };
}
