// An output tree of the original script's cells, or several times as many: files of a real run's size, eight GPUs' receipts.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { planSuite } from '../tools/dist/suite/plan/plan.js';
import { parseSuite } from '../tools/dist/suite/load/load.js';

const REPOSITORY = join(import.meta.dirname, '..');
/** InvarLock's certificates have some 30 kB, of which the analysis reads two. */
const CERTIFICATE_BYTES = 30_000;
const GPUS = 8;

/** @returns the plan, as a verdict takes it, and the workspace path of nothing else: all lies below `root`. */
export function layTree(root, copies) {
  const text = readFileSync(join(REPOSITORY, 'suites/b200/suite.yaml'), 'utf8');
  const { suite } = parseSuite('b200', text, () => ({ kind: 'none' })).value;
  const models = suite.models.flatMap((model) =>
    Array.from({ length: copies }, (_, copy) => ({ ...model, name: `${model.name}${copy || ''}` })),
  );
  const many = { ...suite, models };
  const cells = planSuite(many);
  const variants = models.flatMap((model) => [
    { model: model.name, variant: 'baseline', class: 'baseline' },
    ...model.edits.map((edit) => ({ model: model.name, variant: edit.name, class: edit.class })),
    ...model.errors.map((type) => ({ model: model.name, variant: `error_${type}`, class: 'error' })),
  ]);
  const put = (path, value) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), JSON.stringify(value));
  };
  cells.forEach((cell, index) => {
    for (const part of cell.parts) {
      put(part.receipt, receipt(cell, index));
      for (const { file, path } of part.writes) {
        if (file === 'outcomes.parquet') {
          copyFileSync(outcomesOf(part.spec.benchmarks), join(root, path));
          continue;
        }
        const made = resultOf(file, cell, part, index);
        if (made !== undefined) put(path, made);
      }
    }
  });
  return { plan: { suite: 'b200', variants, cells }, cells };
}

/** Small ones, alike for all: `npm run bench -- outcomes` has those of real size. */
function outcomesOf(benchmarks) {
  const names = benchmarks.map(({ name }) => name).join('_');
  return join(REPOSITORY, `test/support/rig/outcomes/${names}.parquet`);
}

function receipt(cell, index) {
  const start = Date.parse('2026-01-01T00:00:00Z') + Math.floor(index / GPUS) * 900_000;
  const gpu = `GPU-${index % GPUS}aaaaaaa-0000-0000-0000-000000000000`;
  return {
    ...{
      schema: 1,
      fingerprint: 'f',
      cell: cell.id,
      versions: { torch: '2.15.0' },
      deviceClass: 'cuda-sm100',
    },
    ...{ startedAt: new Date(start).toISOString(), endedAt: new Date(start + 880_000).toISOString() },
    ...{ waitSeconds: 120, runSeconds: 880, gpus: [gpu], threads: 1, gpuHeldSeconds: 880 },
    ...{ peakGpuBytes: { torch: 4e10, nvidiaSmi: 5e10 }, peakRssBytes: 8e9, bytesWritten: 1e6 },
    attempts: [{ number: 1, log: `output/b200/logs/${index}/attempt-1/log.txt`, exitCode: 0 }],
  };
}

function resultOf(file, cell, part, index) {
  const stress = cell.id.includes('stress');
  switch (file) {
    case 'results.json': {
      const accuracy = stress && index % 3 > 0 ? 0.4 : 0.7;
      const of = ({ name, task }) => [name, { task, metric: 'acc,none', accuracy, stderr: 0.01, n: 1000 }];
      return { benchmarks: Object.fromEntries(part.spec.benchmarks.map(of)) };
    }
    case 'outcome.json':
      return { schema: 1, status: 'certified', exit_code: 0, reason: null };
    case 'calibration_stats.json':
      return { schema: 1, drift: { mean: 1 } };
    case 'evaluation.cert.json':
      return certificate(stress || cell.id.includes('error_') ? 1.3 : 1.001 + index / 1e5);
    default:
      return undefined;
  }
}

function certificate(ratio) {
  const value = {
    validation: {
      ...{ invariants_pass: true, primary_metric_acceptable: ratio < 1.102, spectral_stable: true },
      ...{ rmt_stable: true, preview_final_drift_acceptable: true, guard_overhead_acceptable: true },
    },
    primary_metric: {
      ...{ kind: 'ppl_causal', preview: 10, final: 10.1, ratio_vs_baseline: ratio },
      display_ci: [ratio * 0.99, ratio * 1.01],
    },
    confidence: { label: 'High' },
    auto: { tier: 'balanced', policy_digest: 'd' },
    details: [],
  };
  while (value.details.length * 50 < CERTIFICATE_BYTES) {
    value.details.push({ module: 'model.layers.0.self_attn.k_proj', z: 1.38 });
  }
  return value;
}
