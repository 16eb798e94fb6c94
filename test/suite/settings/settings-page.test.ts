import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { allVariables } from '../../../tools/suite/settings/environment.js';
import { IDENTITY_TABLE } from '../../../tools/suite/settings/identity-table.js';
import { readVariable } from '../../../tools/suite/yaml/setting-type.js';
import { settingsPage } from '../../../tools/suite/settings/settings-page.js';

/** The variables that the original script documents, and those it reads besides. */
const SEED = `CUDA_VISIBLE_DEVICES NUM_GPUS GPU_MEMORY_GB OUTPUT_DIR RESUME_MODE
MODEL_1 MODEL_2 MODEL_3 MODEL_4 MODEL_5 MODEL_6 MODEL_7 MODEL_8
EVAL_TASKS EVAL_NUM_FEWSHOT EVAL_BATCH_SIZE EVAL_BATCH_SIZE_SMALL EVAL_BATCH_SIZE_MEDIUM EVAL_BATCH_SIZE_LARGE
EVAL_BATCH_SIZE_MOE EVAL_CONTEXT_LEN LM_EVAL_PARALLELIZE LMEVAL_TORCH_COMPILE
INVARLOCK_DATASET INVARLOCK_TIER B200_GUARDS_ORDER INVARLOCK_BOOTSTRAP_N INVARLOCK_PM_ACCEPTANCE_MIN
INVARLOCK_PM_ACCEPTANCE_MAX INVARLOCK_SKIP_OVERHEAD_CHECK INVARLOCK_CONFIG_ROOT INVARLOCK_ALLOW_NETWORK
INVARLOCK_REQUIRE_FP4_NATIVE
B200_DETERMINISM GPU_MIN_FREE_GB GPU_REQUIRE_IDLE SKIP_FLASH_ATTN CUDA_MEMORY_FRACTION DRIFT_CALIBRATION_RUNS
CLEAN_EDIT_RUNS STRESS_EDIT_RUNS RUN_ERROR_INJECTION
SCHEDULER_MEM_TOLERANCE_GB CANCEL_BLOCKED_TASKS_GRACE_SECONDS MIN_FREE_DISK_GB TASK_TIMEOUT_DEFAULT
TASK_TIMEOUT_<TASKTYPE> MODEL_LOAD_OVERHEAD_GB EDIT_OVERHEAD_GB BATCH_EDIT_OVERHEAD_GB EVAL_OVERHEAD_GB
INVARLOCK_OVERHEAD_GB
GPU_MEMORY_PER_DEVICE GPU_ID_LIST EDIT_TYPES_CLEAN EDIT_TYPES_STRESS`.split(/\s+/);

test('every variable of the original script is in the table, once', () => {
  const names = allVariables().map(({ name }) => name);
  for (const name of SEED) expect(names, name).toContain(name);
  expect(new Set(names).size).toBe(names.length);
});

test('docs/settings.md is what the tables say (npm run docs:settings)', () => {
  const page = readFileSync(new URL('../../../docs/settings.md', import.meta.url), 'utf8');
  expect(page).toBe(settingsPage());
});

test.each(Object.entries(IDENTITY_TABLE))('%s takes its default', (name, { type, default: fallback }) => {
  // Some defaults depend on the model, and are a sentence.
  if (fallback.includes(' ')) return;
  expect(readVariable(name, type, fallback)).toMatchObject({ ok: true });
});

test.each([
  ['INVARLOCK_TIER', 'dev', 'Allowed: conservative, balanced, aggressive'],
  ['B200_GUARDS_ORDER', 'invariants,spektral', 'Allowed: guards separated by commas: invariants, spectral'],
  ['EVAL_BATCH_SIZE_LARGE', 'auto:0', 'Allowed: a whole number, auto or auto:N'],
  ['EDIT_TYPES_CLEAN', 'quant_rtn:8', 'Allowed: edits separated by commas: quant_rtn:<bits>'],
  ['RUN_ERROR_INJECTION', 'perhaps', 'Allowed: true, false'],
  ['MODEL_1', 'a b$(c)', 'Allowed: a hub id, or a path beginning with / or .'],
])('%s=%s is refused', (name, value, allowed) => {
  const { type } = IDENTITY_TABLE[name] ?? {};
  if (type === undefined) throw new Error(name);
  const read = readVariable(name, type, value);
  expect(read.ok ? '' : read.error).toContain(`environment variable ${name}: "${value}" is not allowed`);
  expect(read.ok ? '' : read.error).toContain(allowed);
});
