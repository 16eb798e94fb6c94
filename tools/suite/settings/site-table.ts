// Execution settings: where and when cells run, never what comes out. One row each; everything else is made of them:
// the schema of site.yaml, the environment variables over it, SiteSettings, docs/settings.md.
import {
  choice,
  listOf,
  number,
  orAuto,
  wholeNumber,
  words,
  yesNo,
  type SettingType,
} from '../yaml/setting-type.js';
import { list, mapping, text, whole } from '../yaml/schema-parts.js';

export interface SiteRow<T> {
  /** Key in workspace-config/site.yaml, `section.key` or `key`; null: only an environment variable. */
  key: string | null;
  /** The environment variable that goes before the file; null: only in the file. */
  variable: string | null;
  type: SettingType<unknown>;
  default: T;
  meaning: string;
  /** What an empty variable says, where it does not mean "not given". */
  empty?: T;
}

interface Places {
  key?: string;
  variable?: string;
}

function row<T, const D extends T | null>(
  { key, variable }: Places,
  type: SettingType<T>,
  fallback: D,
  meaning: string,
  empty?: T,
): SiteRow<T | D> {
  const base = { key: key ?? null, variable: variable ?? null, type, default: fallback, meaning };
  return empty === undefined ? base : { ...base, empty };
}

const gib = number(0);
const seconds = number(0);
const gpuNames = listOf(
  words('the index or UUID of a GPU', /^[\w/:-]*$/),
  'indices or UUIDs of GPUs, separated by commas',
);
/** An empty entry between commas stays: for CUDA it ends the list. */
const gpuList: typeof gpuNames = {
  ...gpuNames,
  fromText: (text) =>
    text.includes(',') ? text.split(',').map((name) => name.trim()) : gpuNames.fromText(text),
};

/** `~` is the home of whoever runs, as in a shell; `~name`, another's, would be a directory of that name here. */
const directory = words('a directory (~ at its beginning is your home)', /^(?!~[^/])\s*\S/);

const slurmWord = words('a name without blanks', /^[^\s=]+$/);
/** Those that say what the suite itself has to say would break the way back of a job. */
const sbatchOptions = listOf(
  words(
    'an option of sbatch with its value, such as --exclude=node7, and none that the suite gives itself (job name, output, requeue, array, wrap, chdir, wait)',
    /^--(?!(job-name|output|error|requeue|no-requeue|array|wrap|chdir|wait|parsable|test-only|export)\b)[a-z][a-z-]*(=[^\s].*)?$/,
  ),
  'options of sbatch, such as --exclude=node7',
);

/** As text, JSON. */
const slurmPools: SettingType<SlurmPool[]> = {
  schema: list(
    mapping({
      name: text('letters, digits, - and _', /^[\w-]+$/),
      partition: slurmWord.schema.optional(),
      constraint: text('a constraint as sbatch takes it', /^\S+$/).optional(),
      gpu_type: slurmWord.schema.optional(),
      gpus_per_node: whole(0, 64).optional(),
      extra: sbatchOptions.schema.optional(),
    }),
    'pools',
    1,
  ).refine((pools) => new Set(pools.map(({ name }) => name)).size === pools.length, {
    error: () => 'pools with different names',
  }),
  fromText(value) {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      return value;
    }
  },
  allowed:
    'a list of pools, each with name, partition, constraint, gpu_type, gpus_per_node, extra (all but the name may be left out)',
};

export interface SlurmPool {
  name: string;
  partition?: string | undefined;
  constraint?: string | undefined;
  /** The type in `--gpus-per-node=<type>:<count>`. */
  gpu_type?: string | undefined;
  /** As sinfo tells, where it is not given; 0: for cells that need no GPU. */
  gpus_per_node?: number | undefined;
  extra?: string[] | undefined;
}

/** What a site can be told of. */
export const NOTIFY_EVENTS = ['run_ended', 'cell_failed', 'disk_short', 'nothing_moved'] as const;
export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

export const SITE_TABLE = {
  accelerator: row(
    { key: 'accelerator' },
    choice(['auto', 'cpu', 'cuda']),
    'auto',
    'auto: the GPUs of nvidia-smi, else the CPU; cpu: never a GPU; cuda: fail without one',
  ),

  visibleDevices: row(
    { variable: 'CUDA_VISIBLE_DEVICES' },
    gpuList,
    null,
    'the pool of GPUs, by index or UUID; unset: all of nvidia-smi; empty: none',
    [],
  ),
  gpuIdList: row(
    { key: 'gpus.ids', variable: 'GPU_ID_LIST' },
    gpuList,
    null,
    'the pool of GPUs within CUDA_VISIBLE_DEVICES; unset: all of them',
  ),
  numGpus: row(
    { key: 'gpus.count', variable: 'NUM_GPUS' },
    wholeNumber(0, 1024),
    null,
    'use only the first so many GPUs of the pool',
  ),
  minFreeGiB: row(
    { key: 'gpus.min_free_gib', variable: 'GPU_MIN_FREE_GB' },
    gib,
    10,
    'a GPU with less free memory (GiB) takes no cell',
  ),
  requireIdle: row(
    { key: 'gpus.require_idle', variable: 'GPU_REQUIRE_IDLE' },
    yesNo(),
    true,
    'nor one on which somebody else computes',
  ),
  sharing: row(
    { key: 'gpus.sharing', variable: 'VALIDATION_GPU_SHARING' },
    choice(['exclusive', 'memory']),
    'exclusive',
    'exclusive: one cell a GPU; memory: several while what they reserve fits (with GPU_REQUIRE_IDLE=false)',
  ),
  gpuMemoryGiB: row(
    { key: 'gpus.memory_gib', variable: 'GPU_MEMORY_GB' },
    orAuto(number(1)),
    'auto',
    'memory (GiB) of a GPU that plans count on; auto: what nvidia-smi says, 180 where there is no GPU',
  ),
  gpuMemoryPerDeviceGiB: row(
    { key: 'gpus.memory_per_device_gib', variable: 'GPU_MEMORY_PER_DEVICE' },
    orAuto(number(1)),
    'auto',
    'memory (GiB) a cell may take of one GPU before it gets several; auto: GPU_MEMORY_GB',
  ),
  nvidiaSmiSeconds: row(
    { key: 'gpus.nvidia_smi_timeout_s', variable: 'VALIDATION_NVIDIA_SMI_TIMEOUT' },
    number(1, 600),
    30,
    'seconds that nvidia-smi may take to answer before it is ended and asked again',
  ),
  memoryFraction: row(
    { key: 'gpus.memory_fraction', variable: 'CUDA_MEMORY_FRACTION' },
    number(0.05, 1),
    0.92,
    'share of a GPU that the detection of a batch size (auto) may fill',
  ),
  memoryToleranceGiB: row(
    { key: 'gpus.memory_tolerance_gib', variable: 'SCHEDULER_MEM_TOLERANCE_GB' },
    gib,
    8,
    'a cell of 140 GiB or more may exceed what fits a GPU by so much (GiB)',
  ),

  engine: row(
    { key: 'engine', variable: 'VALIDATION_ENGINE' },
    choice(['local', 'slurm']),
    'local',
    'local: cells run on this host, by leases; slurm: each cell that computes is a job of Slurm',
  ),
  slurmAccount: row({ key: 'slurm.account' }, slurmWord, null, 'sbatch --account'),
  slurmPartition: row(
    { key: 'slurm.partition', variable: 'VALIDATION_SLURM_PARTITION' },
    slurmWord,
    null,
    'sbatch --partition, where a pool names none',
  ),
  slurmQos: row({ key: 'slurm.qos' }, slurmWord, null, 'sbatch --qos'),
  slurmExtra: row(
    { key: 'slurm.extra' },
    sbatchOptions,
    null,
    'further options of sbatch for every job; --mem, --time and --cpus-per-task go before those of the suite',
  ),
  slurmPools: row(
    { key: 'slurm.pools' },
    slurmPools,
    null,
    'kinds of nodes, each with a name, all with GPUs of one generation; unset: one pool `default`, of whatever Slurm gives',
  ),
  slurmMaxJobs: row(
    { key: 'slurm.max_jobs', variable: 'VALIDATION_SLURM_MAX_JOBS' },
    wholeNumber(1),
    100,
    'jobs of this workspace in the queue at a time; further cells wait on the head',
  ),
  slurmPollSeconds: row(
    { key: 'slurm.poll_s', variable: 'VALIDATION_SLURM_POLL' },
    number(0.2, 600),
    5,
    'one process of the head asks squeue so often, for all',
  ),
  slurmLeaveJobs: row(
    { key: 'slurm.leave_jobs', variable: 'VALIDATION_SLURM_LEAVE_JOBS' },
    yesNo(),
    false,
    'true: jobs go on after Ctrl-C or the end of the head, and the next run takes them up',
  ),

  cpuSlots: row(
    { key: 'cpu.slots' },
    orAuto(wholeNumber(1)),
    'auto',
    'cells at a time that need no GPU; auto: cores / threads, by the CPU quota of a control group if that is less',
  ),
  threads: row({ key: 'cpu.threads' }, wholeNumber(1), 1, 'OMP_NUM_THREADS of each cell'),

  strategy: row(
    { key: 'scheduler.strategy', variable: 'VALIDATION_STRATEGY' },
    choice(['small_first', 'critical_path']),
    'small_first',
    'which waiting cell goes first: of small models, or on the longest remaining path',
  ),
  blockedGraceSeconds: row(
    { variable: 'CANCEL_BLOCKED_TASKS_GRACE_SECONDS' },
    seconds,
    90,
    'accepted, and without effect: cells behind a failed one are skipped at once and hold nothing up',
  ),
  lockDirectory: row(
    { key: 'leases.directory', variable: 'VALIDATION_LOCK_DIR' },
    directory,
    'auto',
    'where leases lie, one a host for every workspace; auto: <temporary directory>/validation-suite-<uid>; a Slurm job adds its number',
  ),

  gpuLocks: row(
    { key: 'leases.gpu_locks', variable: 'VALIDATION_GPU_LOCKS' },
    words('an absolute path', /^\//),
    '/tmp/validation-suite-gpus',
    'where each GPU has a lock for all users of the host: the same place for all of them',
  ),

  memoryPlan: row(
    { key: 'memory.plan', variable: 'VALIDATION_MEMORY_PLAN' },
    choice(['streaming', 'reference']),
    'streaming',
    'streaming: edits reserve what they use; reference: the numbers of the original script',
  ),
  memoryAdaptive: row(
    { key: 'memory.adaptive', variable: 'VALIDATION_MEMORY_ADAPTIVE' },
    yesNo(),
    false,
    'a cell that needs more GPUs than there are runs on all there are, at its own risk',
  ),
  loadOverheadGiB: row(
    { key: 'memory.load_overhead_gib', variable: 'MODEL_LOAD_OVERHEAD_GB' },
    gib,
    4,
    'GiB added to the weights for a setup',
  ),
  editOverheadGiB: row(
    { key: 'memory.edit_overhead_gib', variable: 'EDIT_OVERHEAD_GB' },
    gib,
    8,
    'GiB added for an edit or an error',
  ),
  batchEditOverheadGiB: row(
    { key: 'memory.batch_edit_overhead_gib', variable: 'BATCH_EDIT_OVERHEAD_GB' },
    gib,
    8,
    'GiB added for a batch of edits',
  ),
  evalOverheadGiB: row(
    { key: 'memory.eval_overhead_gib', variable: 'EVAL_OVERHEAD_GB' },
    gib,
    6,
    'GiB added for an evaluation',
  ),
  invarlockOverheadGiB: row(
    { key: 'memory.invarlock_overhead_gib', variable: 'INVARLOCK_OVERHEAD_GB' },
    gib,
    6,
    'GiB added for a calibration or certificate',
  ),
  evalContextLength: row(
    { key: 'memory.eval_context_length', variable: 'EVAL_CONTEXT_LEN' },
    wholeNumber(1),
    2048,
    'tokens of context an evaluation is planned for; it limits no evaluation',
  ),

  parallelize: row(
    { key: 'evaluation.parallelize', variable: 'LM_EVAL_PARALLELIZE' },
    yesNo(),
    true,
    'lm-eval spreads a model over all GPUs of its lease; false: it stays on the first',
  ),
  requireFp4Native: row(
    { key: 'evaluation.require_fp4_native', variable: 'INVARLOCK_REQUIRE_FP4_NATIVE' },
    yesNo(),
    false,
    'fail FP4 edits at once where TransformerEngine offers no native FP4 (edits are simulated all the same)',
  ),
  allowNetwork: row(
    { key: 'invarlock.allow_network', variable: 'INVARLOCK_ALLOW_NETWORK' },
    yesNo(),
    true,
    'InvarLock may download its dataset',
  ),

  storageRoot: row(
    { key: 'storage.root', variable: 'VALIDATION_WEIGHTS_STORE' },
    directory,
    '.weights',
    'the weights store, relative to the workspace or absolute',
  ),
  storageKeep: row(
    { key: 'storage.keep', variable: 'VALIDATION_STORAGE_KEEP' },
    choice(['all', 'baselines', 'none']),
    'all',
    'weights that stay once nothing waits for them: all, baselines only, or none',
  ),
  minFreeDiskGiB: row(
    { key: 'storage.min_free_gib', variable: 'MIN_FREE_DISK_GB' },
    orAuto(gib),
    'auto',
    'no cell starts with less free disk (GiB); auto: 200, or what the suite writes in all if that is less',
  ),
  storageStaging: row(
    { key: 'storage.staging', variable: 'VALIDATION_STORAGE_STAGING' },
    words('an absolute path', /^\//),
    null,
    "a directory on each node's own disk: weights that cells load are copied there once, and verified; unset: all read the store",
  ),
  storageStagingGiB: row(
    { key: 'storage.staging_gib', variable: 'VALIDATION_STORAGE_STAGING_GB' },
    orAuto(gib),
    'auto',
    'GiB that these copies may take on a node, as long as a tenth of its disk stays free; auto: that alone',
  ),
  outputDirectory: row(
    { key: 'output.directory', variable: 'OUTPUT_DIR' },
    directory,
    null,
    "where the original script's whole tree is published after every run, also outside the workspace",
  ),
  resume: row(
    { variable: 'RESUME_MODE' },
    yesNo(),
    true,
    'finished cells are reused; for false give --skip-nx-cache, as Nx would else answer from its cache',
  ),
  skipDownloads: row(
    { variable: 'HF_HUB_OFFLINE' },
    yesNo(),
    false,
    'nothing is downloaded; models and datasets come from the local cache or a path',
  ),

  warm: row(
    { key: 'python.warm', variable: 'VALIDATION_PYTHON_WARM' },
    yesNo(),
    true,
    'cells are forked from one Python process that has everything imported (Linux); false: a process a cell',
  ),

  notifyWebhook: row(
    { key: 'notify.webhook', variable: 'VALIDATION_NOTIFY_WEBHOOK' },
    words('a URL that begins with https:// or http://', /^https?:\/\/[^\s/]\S*$/),
    null,
    'each event is sent there as JSON, by POST; what follows its host is never shown',
  ),
  notifyCommand: row(
    { key: 'notify.command' },
    listOf(words('a word', /^[^\0]+$/), 'a program and its arguments, as a list'),
    null,
    'started for each event, with the JSON on its standard input',
  ),
  notifyEvents: row(
    { key: 'notify.events' },
    listOf(choice(NOTIFY_EVENTS), `some of ${NOTIFY_EVENTS.join(', ')}`),
    null,
    'which events are told; unset: all of them',
  ),
  notifyIdleMinutes: row(
    { key: 'notify.nothing_moved_min' },
    number(1),
    30,
    'nothing_moved: no cell began or ended, and no log grew, for so many minutes',
  ),
  notifySeconds: row(
    { key: 'notify.timeout_s' },
    number(1, 300),
    15,
    'an event is given up after so many seconds, new tries included; a run ends later by no more',
  ),

  timeoutSeconds: row(
    { key: 'timeouts.default_s', variable: 'TASK_TIMEOUT_DEFAULT' },
    seconds,
    21_600,
    "a cell's process is ended after so many seconds; 0 or empty: never",
    0,
  ),
  deadline: row(
    { key: 'deadline.at', variable: 'VALIDATION_DEADLINE' },
    words(
      'a date and time with its zone, such as 2030-01-31T18:00:00Z',
      /^\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/,
    ),
    null,
    'when this host is taken away: cells that would pass it are not started; in a Slurm job the end of the job, if that is earlier',
  ),
  deadlineMarginSeconds: row(
    { key: 'deadline.margin_s', variable: 'VALIDATION_DEADLINE_MARGIN' },
    seconds,
    120,
    'so many seconds before it running cells are ended, and the verdict is made',
  ),
  maxRetries: row(
    { key: 'retries.max' },
    wholeNumber(0, 100),
    3,
    'a cell that failed for a passing reason is tried so many times more',
  ),
  maxOomRetries: row(
    { key: 'retries.out_of_memory' },
    wholeNumber(0, 100),
    2,
    'and so many after it ran out of memory',
  ),
  backoffSeconds: row(
    { key: 'retries.backoff_s' },
    seconds,
    30,
    'seconds before the first new try; doubled each time, ± 20 %',
  ),
  maxBackoffSeconds: row({ key: 'retries.backoff_max_s' }, seconds, 300, 'the longest such wait'),
} as const satisfies Record<string, SiteRow<unknown>>;

export type SiteKey = keyof typeof SITE_TABLE;
export type SiteValues = {
  [Key in SiteKey]: (typeof SITE_TABLE)[Key] extends SiteRow<infer Value> ? Value : never;
};
export const SITE_ROWS = Object.entries(SITE_TABLE) as [SiteKey, SiteRow<SiteValues[SiteKey]>][];

/** `TASK_TIMEOUT_<TASKTYPE>`: the original script's names of tasks, the kinds of cells, and any benchmark's `EVAL_<NAME>`. */
export const TIMEOUT_VARIABLE = /^TASK_TIMEOUT_([A-Z0-9_]+)$/;
export const TIMEOUT_TYPE = seconds;
