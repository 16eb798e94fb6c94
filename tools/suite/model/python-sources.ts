// Which Python files a kind of cell runs: the one table that Nx's inputs and the fingerprint both use.
// test/suite/python-sources.test.ts compares it with what the modules import.
import type { CellKind } from './cell.js';

const PYTHON_ROOT = 'tools/python';
/** The hashed lock file of .venv. */
export const PYTHON_LOCK = `${PYTHON_ROOT}/requirements.lock`;
export const PYTHON_PACKAGE = `${PYTHON_ROOT}/validation`;

/** What every kind loads: the entry point, the job file, and measures. */
const SHARED = ['__init__', '__main__', 'job', 'usage'];
const INVARLOCK = [
  'invarlock_adapter',
  'invarlock_certificate',
  'invarlock_config',
  'invarlock_failures',
  'invarlock_guards',
  'invarlock_loading',
  'invarlock_memory',
  'invarlock_process',
  'invarlock_report',
  'invarlock_snapshot',
  'invarlock_windows',
  'numerics',
  'placement',
  'preflight',
  'store',
];
/** Weights rewritten tensor by tensor; errors use the arithmetic of edits. */
const REWRITING = [
  'ahead',
  'checkpoint',
  'declared',
  'edits/__init__',
  'edits/base',
  'edits/fp4_quant',
  'edits/jit',
  'edits/kernels',
  'edits/leading',
  'edits/lowrank_svd',
  'edits/magnitude_prune',
  'edits/quant_rtn',
  'edits/subspace',
  'edits/thresholds',
  'families',
  'layout',
  'matrices',
  'matrix',
  'rewrite',
  'rounding',
  'store',
  'variant',
  'writers',
];
/** Any model directory into a laid-out bf16 one. */
const CONVERTING = ['checkpoint', 'convert', 'layout', 'rounding', 'sources', 'store'];
const FACTS = ['facts_corpus', 'facts_model', 'facts_people', 'facts_words'];

/** Modules below `validation`, without `.py`. */
const MODULES: Record<CellKind, readonly string[]> = {
  setup: ['setup', ...CONVERTING, 'download', ...FACTS, 'hub_space', 'profile'],
  calibrate: ['calibrate', ...INVARLOCK],
  preset: ['preset', 'preset_formulas', 'invarlock_config'],
  baseline: ['baseline', 'baseline_report', 'preset_file', ...INVARLOCK],
  eval: ['eval', 'eval_results', 'lm_eval_adapter', 'numerics', 'placement', 'store'],
  edit: ['edit', 'fp4_native', ...REWRITING],
  inject: ['inject', 'errors', 'proof', ...REWRITING],
  certify: ['certify', 'baseline_report', 'preset_file', ...INVARLOCK],
};

/** Workspace-relative, sorted. */
export function pythonSources(kind: CellKind): string[] {
  return [...SHARED, ...MODULES[kind]].map((module) => `${PYTHON_PACKAGE}/${module}.py`).sort();
}
