// Every environment variable, in one table: those of the original script, and a few of this suite.
import { IDENTITY_TABLE } from './identity-table.js';
import type { SettingType } from '../yaml/setting-type.js';
import { SITE_ROWS, TIMEOUT_TYPE, type SiteKey, type SiteValues } from './site-table.js';
import { TASK_NAMES } from '../model/task-names.js';

/**
 * identity: read when cells are made, and changes the hash of what it changes. execution: read when they run, in no
 * hash. set: given to the processes of cells by the suite itself; a value from outside is not passed on.
 */
export type Role = 'identity' | 'execution' | 'set';

export interface Variable {
  name: string;
  role: Role;
  allowed: string;
  default: string;
  meaning: string;
  /** Where the same is written in a file: `suite.yaml` for identity, `site.yaml` for execution. */
  file: string | null;
  /** Cells an identity variable makes again. */
  changes: string | null;
}

export function allVariables(): Variable[] {
  return [
    ...Object.entries(IDENTITY_TABLE).map(([name, { type, default: fallback, meaning, over, changes }]) =>
      variable(name, 'identity', type, fallback, meaning, over, changes),
    ),
    ...SITE_ROWS.flatMap(([, { variable: name, type, default: fallback, meaning, key }]) =>
      name === null ? [] : [variable(name, 'execution', type, shown(fallback), meaning, key, null)],
    ),
    variable(
      'TASK_TIMEOUT_<TASKTYPE>',
      'execution',
      TIMEOUT_TYPE,
      'unset',
      `seconds for one kind of task, 0 or empty: never. ${TASK_NAMES.join(', ')}; or a kind of cell: SETUP, CALIBRATE, …`,
      'timeouts.tasks.<task type>',
      null,
    ),
    ...SET.map(([name, meaning]) => ({
      name,
      role: 'set' as const,
      allowed: '',
      default: '',
      meaning,
      file: null,
      changes: null,
    })),
  ];
}

/** Variables that the suite sets for each process; from outside they would change results unseen. */
const SET = [
  ['INVARLOCK_CONFIG_ROOT', "the cell's own runtime profile: windows and replicates of the model's size"],
  ['CUBLAS_WORKSPACE_CONFIG', ':32768:8 with B200_DETERMINISM=strict'],
  ['CUDA_DEVICE_ORDER', 'PCI_BUS_ID, as nvidia-smi counts'],
  ['OMP_NUM_THREADS', 'cpu.threads of site.yaml; so are MKL_NUM_THREADS and OPENBLAS_NUM_THREADS'],
] as const;

function variable(
  name: string,
  role: Role,
  { allowed }: SettingType<unknown>,
  fallback: string,
  meaning: string,
  file: string | null,
  changes: string | null,
): Variable {
  return { name, role, allowed, default: fallback, meaning, file, changes };
}

export function shown(value: SiteValues[SiteKey]): string {
  if (value === null) return 'unset';
  return typeof value === 'object' ? JSON.stringify(value) : value.toString();
}
