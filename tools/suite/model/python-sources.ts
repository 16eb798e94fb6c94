// Which Python files a kind of cell runs: the one table that Nx's inputs and the fingerprint both use.
// test/suite/model/python-sources.test.ts compares it with what the modules import.
import { dirname } from 'node:path/posix';
import type { CellKind } from './cell.js';

const PYTHON_ROOT = 'tools/python';
/** The hashed lock file of .venv. */
export const PYTHON_LOCK = `${PYTHON_ROOT}/requirements.lock`;
export const PYTHON_PACKAGE = `${PYTHON_ROOT}/validation`;

/** What every kind loads: the entry point, the job file, and measures. */
const SHARED = ['__init__', '__main__', 'job', 'usage'];
const INVARLOCK = [
  'invarlock/adapter',
  'invarlock/certificate',
  'invarlock/config',
  'invarlock/failures',
  'invarlock/guards',
  'invarlock/hooks/loading',
  'invarlock/hooks/memory',
  'invarlock/process',
  'invarlock/hooks/snapshot',
  'invarlock/windows',
  'compute/cpu_products',
  'compute/numerics',
  'compute/placement',
  'compute/whole_load',
  'invarlock/preflight',
  'hub/dataset_names',
  'hub/offline',
  'weights/store',
];
const AGAINST_A_BASELINE = [
  'invarlock/baseline_report',
  'invarlock/preset_file',
  'invarlock/report',
  ...INVARLOCK,
];
/** All that the package loads with its arithmetic. */
const EDITS = [
  'edits/base',
  'edits/fp4_quant',
  'edits/gaussian_noise',
  'edits/jit',
  'edits/kernels',
  'edits/leading',
  'edits/lowrank_svd',
  'edits/magnitude_prune',
  'edits/quant_rtn',
  'edits/scale',
  'edits/subspace',
  'edits/thresholds',
  'edits/zero_blocks',
];
/** Weights rewritten tensor by tensor; errors use the arithmetic of edits. */
const REWRITING = [
  ...EDITS,
  'weights/built',
  'weights/listing',
  'weights/fused',
  'weights/proposal',
  'weights/threads',
  'weights/checkpoint',
  'weights/declared',
  'weights/families',
  'weights/layout',
  'weights/matrices',
  'weights/matrix',
  'weights/rewrite',
  'weights/rounding',
  'weights/sizes',
  'weights/store',
  'variants/difference',
  'variants/publish',
];
/** Any model directory into a laid-out bf16 one. */
const CONVERTING = [
  'formats/decoders',
  'formats/layouts',
  'formats/numbers',
  'formats/table',
  'sources/dequantized',
  'weights/built',
  'weights/checkpoint',
  'sources/convert',
  'sources/intake',
  'weights/layout',
  'weights/listing',
  'weights/rounding',
  'weights/sizes',
  'sources/tensors',
  'weights/store',
];
/** One of the hub, of this host or made here, brought here and converted. */
const FETCHING = [
  ...CONVERTING,
  'facts/corpus',
  'facts/model',
  'facts/people',
  'facts/words',
  'hub/faults',
  'sources/download',
  'sources/hub_space',
  'sources/profile',
];

/** A checkpoint made elsewhere, brought here and compared with its baseline. */
const ADOPTING = [
  'cells/adopt',
  ...FETCHING,
  'sources/quantized',
  'sources/rounded',
  ...EDITS,
  'weights/matrix',
  'variants/publish',
  'variants/adoption',
  'variants/comparable',
  'variants/difference',
  'variants/likeness',
];

/** Modules below `validation`, without `.py`. */
const MODULES: Record<CellKind, readonly string[]> = {
  data: [
    'cells/data',
    'evaluation/answer_keys',
    'evaluation/hub_metrics',
    'evaluation/lm_eval_adapter',
    'evaluation/results',
    'evaluation/task_data',
    'evaluation/task_files',
    'evaluation/task_index',
    'evaluation/templates',
    'evaluation/told',
    'hub/dataset_names',
    'hub/faults',
    'hub/offline',
    'hub/revisions',
    'invarlock/hub_rows',
    'weights/store',
  ],
  setup: ['cells/setup', ...FETCHING],
  calibrate: ['cells/calibrate', 'invarlock/report', ...INVARLOCK],
  preset: ['cells/preset', 'invarlock/preset_formulas', 'invarlock/config'],
  baseline: ['cells/baseline', ...AGAINST_A_BASELINE],
  eval: [
    'cells/eval',
    'evaluation/answer_keys',
    'evaluation/hub_metrics',
    'evaluation/outcomes',
    'evaluation/results',
    'evaluation/lm_eval_adapter',
    'evaluation/model_loading',
    'evaluation/prefixes/caches',
    'evaluation/prefixes/computing',
    'evaluation/prefixes/forest',
    'evaluation/prefixes/forward',
    'evaluation/prefixes/masks',
    'evaluation/prefixes/model',
    'evaluation/prefixes/packed',
    'evaluation/prefixes/packed_attention',
    'evaluation/prefixes/packs',
    'evaluation/prefixes/plan',
    'evaluation/prefixes/scores',
    'evaluation/prefixes/sizes',
    'evaluation/prefixes/trust',
    'evaluation/prefixes/ways',
    'evaluation/quantized',
    'evaluation/task_files',
    'evaluation/task_index',
    'evaluation/templates',
    'formats/table',
    'formats/unfit',
    'weights/checkpoint',
    'evaluation/told',
    'hub/faults',
    'compute/cpu_products',
    'compute/numerics',
    'compute/placement',
    'compute/whole_load',
    'hub/dataset_names',
    'hub/offline',
    'weights/store',
  ],
  edit: ['cells/edit', 'compute/fp4_native', 'variants/edition', ...REWRITING],
  inject: [
    'cells/inject',
    'variants/errors',
    'variants/proof',
    'variants/structure',
    'variants/tying',
    ...REWRITING,
  ],
  adopt: ADOPTING,
  program: ['cells/program', 'sources/program', ...ADOPTING],
  certify: ['cells/certify', ...AGAINST_A_BASELINE],
  guards: ['cells/guards', 'invarlock/preset_file', 'invarlock/true_baseline', ...INVARLOCK],
  certify012: [
    'cells/certify012',
    'cells/certify',
    'invarlock/newer/evaluate',
    'invarlock/newer/launch',
    'invarlock/newer/overlay',
    ...AGAINST_A_BASELINE,
  ],
  regression: ['cells/regression', 'invarlock/newer/captured', 'invarlock/newer/overlay'],
};

function packagesOf(module: string): string[] {
  const parent = dirname(module);
  return parent === '.' ? [] : [`${parent}/__init__`, ...packagesOf(parent)];
}

/** Workspace-relative, sorted; with the `__init__.py` of every package they lie in. */
export function pythonSources(kind: CellKind): string[] {
  const modules = [...SHARED, ...MODULES[kind]];
  const packages = modules.flatMap(packagesOf);
  return [...new Set([...modules, ...packages])].map((module) => `${PYTHON_PACKAGE}/${module}.py`).sort();
}
