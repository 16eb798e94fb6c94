// Small suites for the tests: a plan, the files a finished run of it leaves, and hooks to break them.
import { analyse } from '../../tools/results/analysis/analyse.js';
import type { FileContent } from '../../tools/results/read/files.js';
import { cellResults } from '../../tools/results/analysis/cell-results.js';
import type { Findings } from '../../tools/results/analysis/findings.js';
import type { PlannedCell, VariantClass, VerdictPlan } from '../../tools/results/read/expected.js';
import type { Outcomes as OutcomeTable } from '../../tools/results/read/outcome-table.js';
import type { CellKnowledge } from '../../tools/results/read/receipts.js';
import { cellRecords } from '../../tools/results/read/records.js';
import type { CellWrite } from '../../tools/suite/model/cell.js';
import type { JsonObject, JsonValue } from '../../tools/base/json-value.js';

export const FULL_ORDER = ['invariants', 'spectral', 'rmt', 'variance', 'invariants'];

export interface Shape {
  suite?: string;
  models?: string[];
  /** name → class. */
  edits?: Record<string, 'clean' | 'stress'>;
  errors?: string[];
  benchmarks?: string[];
  runs?: number;
  guards?: string[];
  split?: boolean;
  identical?: boolean;
  /** Null runs a model. */
  nulls?: number;
  /** False: a plan of before evaluations published outcomes. */
  outcomes?: boolean;
  /** Errors that are evaluated too. */
  evaluatedErrors?: string[];
}

/** A plan shaped like planSuite's: setup, calibrate-1, preset, evals, edits in one batch cell, certificates, errors. */
export function planOf(shape: Shape = {}): VerdictPlan {
  const { suite = 's', models = ['m'], edits = { a_clean: 'clean' }, errors = ['nan_injection'] } = shape;
  const { benchmarks = ['city', 'job'], runs = 1, guards = FULL_ORDER, split = true } = shape;
  const variants: VerdictPlan['variants'][number][] = [];
  const cells: PlannedCell[] = [];
  for (const model of models) {
    const root = `output/${suite}/${model}`;
    const add = (
      kind: PlannedCell['kind'],
      variant: string,
      target: string,
      at: string,
      spec: JsonObject,
      writes: CellWrite[] = [],
    ): void => {
      const parts = [{ name: target, spec, writes, receipt: at }];
      cells.push({ id: `${suite}.${model}.${variant}:${target}`, kind, model, parts });
    };
    const evaluate = (variant: string, target: string, file: string, names: string[]): void => {
      const spec = {
        benchmarks: names.map((name): JsonValue => ({ name, task: `${name}_task`, fewshot: 0 })),
      };
      const path = `${root}/evals/${file}_results`;
      add('eval', variant, target, `${path}.receipt.json`, spec, [
        { file: 'results.json', path: `${path}.json` },
        ...(shape.outcomes === false
          ? []
          : [{ file: 'outcomes.parquet', path: `${root}/evals/${file}_outcomes.parquet` }]),
      ]);
    };
    const certify = (variant: string, directory: string, run: number, target = `certify-${run}`): void => {
      const spec = { run: shape.identical === true ? 1 : run, invarlock: { tier: 'balanced', guards } };
      add('certify', variant, target, `${directory}/receipt.json`, spec, [
        { file: 'outcome.json', path: `${directory}/outcome.json` },
        { file: 'evaluation.cert.json', path: `${directory}/evaluation.cert.json`, optional: true },
      ]);
    };
    const variant = (name: string, ofClass: VariantClass): void => {
      variants.push({ model, variant: name, class: ofClass });
    };

    variant('baseline', 'baseline');
    add('setup', 'baseline', 'setup', `output/${suite}/models/${model}/baseline.receipt.json`, {});
    add('calibrate', 'baseline', 'calibrate-1', `${root}/certificates/calibration/run_1/receipt.json`, {});
    add(
      'preset',
      'baseline',
      'preset',
      `output/${suite}/presets/calibrated_preset_${model}.receipt.json`,
      {},
      [
        {
          file: 'calibration_stats.json',
          path: `${root}/certificates/calibration/calibration_stats.json`,
        },
      ],
    );
    for (let run = 1; run <= (shape.nulls ?? 0); run += 1) {
      certify('baseline', `${root}/certificates/null/run_${run}`, run, `null-${run}`);
    }
    evaluate('baseline', 'eval', 'baseline', benchmarks);
    cells.push({
      ...{ id: `${suite}.${model}.edits:edit`, kind: 'edit', model },
      parts: Object.keys(edits).map((name) => ({
        ...{ name, spec: {}, writes: [], receipt: `${root}/models/${name}.receipt.json` },
      })),
    });
    for (const [name, ofClass] of Object.entries(edits)) {
      variant(name, ofClass);
      if (split) for (const one of benchmarks) evaluate(name, `eval-${one}`, `${name}_${one}`, [one]);
      else evaluate(name, 'eval', name, benchmarks);
      for (let run = 1; run <= runs; run += 1) certify(name, `${root}/certificates/${name}/run_${run}`, run);
    }
    for (const type of errors) {
      variant(`error_${type}`, 'error');
      add('inject', `error_${type}`, 'inject', `${root}/models/error_${type}.receipt.json`, {});
      certify(`error_${type}`, `${root}/certificates/errors/${type}`, 1);
      if (shape.evaluatedErrors?.includes(type) === true) {
        evaluate(`error_${type}`, 'eval', `error_${type}`, benchmarks);
      }
    }
  }
  return { suite, variants, cells };
}

export interface CertificateShape {
  flags?: Record<string, boolean | undefined>;
  ratio?: number;
  ci?: [number, number] | null;
  label?: string;
  extra?: Record<string, unknown>;
}

/** The keys of a certificate the analysis reads. */
export function certificate(shape: CertificateShape = {}): Record<string, unknown> {
  const { flags = {}, ratio = 1, ci = [ratio - 0.005, ratio + 0.005], label = 'High', extra = {} } = shape;
  return {
    validation: {
      invariants_pass: true,
      primary_metric_acceptable: true,
      spectral_stable: true,
      rmt_stable: true,
      preview_final_drift_acceptable: true,
      guard_overhead_acceptable: true,
      ...flags,
    },
    primary_metric: {
      ...{ kind: 'ppl_causal', preview: 10, final: 10 * ratio, ratio_vs_baseline: ratio },
      ...(ci === null ? {} : { display_ci: ci }),
    },
    confidence: { label },
    auto: { tier: 'balanced' },
    resolved_policy: { metrics: { pm_ratio: { ratio_limit_base: 1.1, hysteresis_ratio: 0.002 } } },
    ...extra,
  };
}

export interface Outcomes {
  /** `model/variant/benchmark` → accuracy; 0.9 where not given. */
  accuracy?: Record<string, number>;
  /** `model/variant/run` → certificate; a passing one where not given, one that fails invariants for errors. */
  certificates?: Record<string, CertificateShape>;
  n?: number;
}

/** What a run's files are made of, with nothing beside the analysis. */
export function findingsOf(
  plan: VerdictPlan,
  files: ReadonlyMap<string, FileContent>,
  known?: CellKnowledge,
): Findings {
  const analysis = analyse(plan, files, known);
  const records = cellRecords(plan, files);
  const cells = cellResults(plan, analysis, records);
  return { analysis, cells, records, memory: [], faults: [], unreadableFaults: 0 };
}

export const content = (value: unknown): FileContent => ({ ok: true, value });
export const RECEIPT = { schema: 1, fingerprint: 'f' };

/** What a whole run of the plan leaves. */
export function filesOf(plan: VerdictPlan, outcomes: Outcomes = {}): Map<string, FileContent> {
  const files = new Map<string, FileContent>();
  for (const cell of plan.cells) {
    for (const part of cell.parts) files.set(part.receipt, content(RECEIPT));
    const [part] = cell.parts;
    const variant = /\.([^.:]+):/.exec(cell.id)?.[1] ?? '';
    for (const write of part?.writes ?? []) {
      if (write.file === 'results.json') {
        const names = (part?.spec.benchmarks as { name: string }[]).map((one) => one.name);
        files.set(write.path, content(results(names, cell.model, variant, outcomes)));
      } else if (write.file === 'outcomes.parquet') {
        const names = (part?.spec.benchmarks as { name: string }[]).map((one) => one.name);
        files.set(write.path, content(answers(names, cell.model, variant, outcomes)));
      } else if (write.file === 'calibration_stats.json') {
        files.set(write.path, content({ drift: { mean: 1, std: 0.01 }, schema: 1 }));
      } else if (write.file === 'outcome.json') {
        files.set(write.path, content({ schema: 1, status: 'certified', exit_code: 0, reason: null }));
      } else {
        const run = /-(\d+)$/.exec(cell.id)?.[1] ?? '1';
        const failing = { flags: { invariants_pass: false } };
        const shape = outcomes.certificates?.[`${cell.model}/${variant}/${run}`];
        files.set(write.path, content(certificate(shape ?? (variant.startsWith('error_') ? failing : {}))));
      }
    }
  }
  return files;
}

/** The first so many items right: of two accuracies only the lower has lost answers, and none has won any. */
function answers(names: string[], model: string, variant: string, outcomes: Outcomes): OutcomeTable {
  const { accuracy = {}, n = 1000 } = outcomes;
  const rows = names.flatMap((benchmark) => {
    const right = Math.round((accuracy[`${model}/${variant}/${benchmark}`] ?? 0.9) * n);
    return Array.from({ length: n }, (_, item) => ({ benchmark, item, correct: item < right }));
  });
  return {
    benchmark: rows.map(({ benchmark }) => benchmark),
    task: rows.map(({ benchmark }) => `${benchmark}_task`),
    docHash: rows.map(({ item }) => `${item}`),
    promptHash: rows.map(({ item }) => `${item}`),
    metric: rows.map(() => 'acc'),
    correct: rows.map(({ correct }) => correct),
    gold: rows.map(() => 0),
    logLikelihoods: rows.map(({ correct }) => (correct ? [-1, -2] : [-2, -1])),
    asked: Object.fromEntries(
      names.map((name) => [
        name,
        { batch_size: '[8]', num_fewshot: '{}', limit: 'null', lm_eval_version: '"0.4.13"' },
      ]),
    ),
  };
}

function results(names: string[], model: string, variant: string, outcomes: Outcomes): unknown {
  const { accuracy = {}, n = 1000 } = outcomes;
  const of = (name: string): number => accuracy[`${model}/${variant}/${name}`] ?? 0.9;
  return {
    results: Object.fromEntries(names.map((name) => [`${name}_task`, { 'acc,none': of(name) }])),
    'n-samples': Object.fromEntries(names.map((name) => [`${name}_task`, { original: n, effective: n }])),
    benchmarks: Object.fromEntries(
      names.map((name) => [
        name,
        { task: `${name}_task`, metric: 'acc,none', accuracy: of(name), stderr: 0.01, n },
      ]),
    ),
  };
}
