// What nvidia-smi may do, and what the suite decides: a row a behaviour. The tests run every row against the real reader;
// docs/gpu-drivers.md is made of the same rows.

export interface Said {
  out?: string;
  err?: string;
  code?: number;
  /** Shell before it answers. */
  first?: string;
}

export interface SmiRow {
  /** As docs/gpu-drivers.md has it. */
  does: string;
  decision: string;
  /** What it answers when it is asked for GPUs; without `compute_cap` where `old`. */
  gpus: Said;
  old?: ('compute_cap' | 'mig.mode.current')[];
  processes?: Said;
  /** In place of the program. */
  instead?: 'nothing' | 'a directory' | 'not executable' | 'no interpreter' | 'no program';
  settings?: { visibleDevices?: string[]; gpuIdList?: string[]; numGpus?: number };
  /**
   * idle: indices of the pool that may be given out; busy: those that a site with GPU_REQUIRE_IDLE does not give out.
   * Both empty: cells run on the CPU. `waits`: no GPU is known, and cells that want one wait. `error`: cells fail at once.
   */
  expected: { idle?: number[]; busy?: number[] } | 'waits' | 'error';
  /** In what is told. */
  told?: string;
  untold?: string;
}

const A = 'GPU-aaaaaaaa-1111-2222-3333-444444444444';
const B = 'GPU-aaaabbbb-1111-2222-3333-444444444444';
const row = (index: number, uuid: string, change: Record<string, string> = {}): string => {
  const values = { total: '81559', free: '81079', capability: '9.0', mig: 'Disabled', ...change };
  return `${index}, ${uuid}, ${values.total}, ${values.free}, ${values.capability}, ${values.mig}`;
};
const GOOD = `${row(0, A)}\n${row(1, B)}`;
const ONE = row(0, A);
const LOST_0 =
  'Unable to determine the device handle for GPU0000:04:00.0: GPU is lost.  Reboot the system to recover this GPU';
const BOTH = { idle: [0, 1] };

/** Rows of one kind: a GPU whose figures are words. */
const noFigures = [
  '[N/A]',
  '[Not Supported]',
  '[Unknown Error]',
  '[GPU is lost]',
  '[Insufficient Permissions]',
  '[GPU requires reset]',
  '',
].map((word): SmiRow => ({
  does: `one GPU with \`${word === '' ? '(nothing)' : word}\` as its memory`,
  decision: 'it gets no cell, and its line is quoted; the others are used',
  gpus: { out: `${ONE}\n${row(1, B, { total: word, free: word })}` },
  expected: { idle: [0] },
  told: `that has no usable figures, and that gets no cell: "1, ${B}`,
}));

export const SMI_TABLE: readonly SmiRow[] = [
  { does: 'two idle GPUs', decision: 'both are used', gpus: { out: GOOD }, expected: BOTH },
  {
    does: 'Windows line ends, a byte order mark, blank lines',
    decision: 'both are used',
    gpus: { out: `\uFEFF${GOOD.replace('\n', '\r\n\r\n')}\r\n` },
    expected: BOTH,
  },
  {
    does: 'a heading line and units in spite of `noheader,nounits`',
    decision: 'both are used',
    gpus: {
      out: `index, uuid, memory.total [MiB], memory.free [MiB], compute_cap, mig.mode.current\n${GOOD.replaceAll('81559', '81559 MiB').replaceAll('81079', '81079 MiB')}`,
    },
    expected: BOTH,
  },
  {
    does: 'an answer after 1.5 s',
    decision: 'it is waited for',
    gpus: { out: GOOD, first: 'sleep 1.5' },
    expected: BOTH,
  },
  {
    does: 'no answer within `gpus.nvidia_smi_timeout_s`',
    decision: 'it is ended; cells that want a GPU wait',
    gpus: { out: GOOD, first: 'exec sleep 60' },
    expected: 'waits',
    told: 'gave no answer in',
  },
  {
    does: 'a child that keeps its output open after it was ended',
    decision: 'it is waited for no longer; cells that want a GPU wait',
    gpus: { first: 'sleep 7 & wait' },
    expected: 'waits',
    told: 'gave no answer in',
  },
  {
    does: 'it is ended by a signal after half of its answer',
    decision: 'half an answer is none; cells that want a GPU wait',
    gpus: { out: ONE, first: `echo '${ONE}'; kill -9 $$` },
    expected: 'waits',
    told: 'it was ended by SIGKILL',
  },
  {
    does: 'more than 1 MiB of output',
    decision: 'cells that want a GPU wait',
    gpus: { first: 'exec yes' },
    expected: 'waits',
    told: 'it printed more than',
  },
  {
    does: 'success, and nothing printed',
    decision: 'a lie: cells that want a GPU wait',
    gpus: {},
    expected: 'waits',
    told: 'it printed no GPU',
  },
  {
    does: '`No devices were found` (code 6)',
    decision: 'a driver without its GPUs is broken: cells that want a GPU wait',
    gpus: { out: 'No devices were found', code: 6 },
    expected: 'waits',
    told: 'No devices were found',
  },
  {
    does: '`No devices were found` with success',
    decision: 'the same',
    gpus: { out: 'No devices were found' },
    expected: 'waits',
    told: 'No devices were found',
  },
  {
    does: "`couldn't communicate with the NVIDIA driver` (code 9)",
    decision: 'cells that want a GPU wait',
    gpus: { out: "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", code: 9 },
    expected: 'waits',
    told: "couldn't communicate",
  },
  {
    does: '`Driver/library version mismatch` (code 18)',
    decision: 'cells that want a GPU wait',
    gpus: { out: 'Failed to initialize NVML: Driver/library version mismatch', code: 18 },
    expected: 'waits',
    told: 'version mismatch',
  },
  {
    does: '`Insufficient Permissions` (code 4)',
    decision: 'cells that want a GPU wait',
    gpus: { out: 'Failed to initialize NVML: Insufficient Permissions', code: 4 },
    expected: 'waits',
    told: 'Insufficient Permissions',
  },
  {
    does: 'no NVML library (code 12)',
    decision: 'cells that want a GPU wait',
    gpus: { err: "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.", code: 12 },
    expected: 'waits',
    told: 'libnvidia-ml.so',
  },
  {
    does: 'good rows with code 9 (driver not loaded)',
    decision: 'rows of a driver that is not there are not believed: cells that want a GPU wait',
    gpus: { out: GOOD, code: 9 },
    expected: 'waits',
    told: 'ended with code 9',
  },
  {
    does: 'code 255 and not a word',
    decision: 'cells that want a GPU wait, and the code is told',
    gpus: { code: 255 },
    expected: 'waits',
    told: 'it ended with code 255',
  },
  {
    does: 'good rows with code 255 and not a word',
    decision: 'the rows count, and the code is told',
    gpus: { out: GOOD, code: 255 },
    expected: BOTH,
    told: 'nvidia-smi ended with code 255',
  },
  {
    does: '`WARNING: infoROM is corrupted` after good rows (code 14)',
    decision: 'a warning; both are used',
    gpus: { out: `${GOOD}\nWARNING: infoROM is corrupted at gpu 0000:81:00.0`, code: 14 },
    processes: { out: 'WARNING: infoROM is corrupted at gpu 0000:81:00.0', code: 14 },
    expected: BOTH,
    told: 'infoROM is corrupted at gpu 0000:81:00.0',
  },
  {
    does: 'a power cable that is not attached (code 8) after good rows',
    decision: 'a warning; both are used',
    gpus: { out: GOOD, err: 'Warning: external power cables are not attached properly', code: 8 },
    expected: BOTH,
    told: 'power cables',
  },
  {
    does: 'one card that fell off the bus: `Unable to determine the device handle` (code 15) and the rows of the others',
    decision: 'the others are used, and the cause is quoted',
    gpus: { out: `${LOST_0}\n${row(1, B)}`, code: 15 },
    processes: { out: LOST_0, code: 15 },
    expected: { idle: [1] },
    told: `nvidia-smi says: "${LOST_0}"`,
  },
  {
    does: 'the same on the error stream, with code 255',
    decision: 'the same',
    gpus: {
      out: row(1, B),
      err: 'Unable to determine the device handle for GPU 0000:04:00.0: Unknown Error',
      code: 255,
    },
    processes: {
      err: 'Unable to determine the device handle for GPU 0000:04:00.0: Unknown Error',
      code: 255,
    },
    expected: { idle: [1] },
    told: 'Unknown Error',
  },
  {
    does: 'only the line of the card that fell off the bus',
    decision: 'cells that want a GPU wait',
    gpus: { out: LOST_0, code: 15 },
    expected: 'waits',
    told: 'GPU is lost',
  },
  ...noFigures,
  {
    does: 'every GPU with `[N/A]` as its memory',
    decision: 'cells that want a GPU wait',
    gpus: { out: row(0, A, { total: '[N/A]', free: '[N/A]' }) },
    expected: 'waits',
    told: 'no usable figures',
  },
  {
    does: 'a GPU with a negative or no number as its memory',
    decision: 'it gets no cell',
    gpus: { out: `${row(0, A, { free: '-1' })}\n${row(1, B)}` },
    expected: { idle: [1] },
    told: 'no usable figures',
  },
  {
    does: 'a GPU of 0 MiB',
    decision: 'it gets no cell',
    gpus: { out: `${row(0, A, { total: '0', free: '0' })}\n${row(1, B)}` },
    expected: { idle: [1] },
    told: 'no usable figures',
  },
  {
    does: 'a GPU with more free memory than it has',
    decision: 'a lie: it gets no cell',
    gpus: { out: `${row(0, A, { free: '99999' })}\n${row(1, B)}` },
    expected: { idle: [1] },
    told: 'more free memory than it has',
  },
  {
    does: 'a line that ends in its middle',
    decision: 'that GPU gets no cell',
    gpus: { out: `${ONE}\n1, ${B}, 81559` },
    expected: { idle: [0] },
    told: 'has 3 of 6 figures',
  },
  {
    does: 'a line without a UUID',
    decision: 'that GPU gets no cell',
    gpus: { out: `${ONE}\n${row(1, '[N/A]')}` },
    expected: { idle: [0] },
    told: 'has no UUID',
  },
  {
    does: 'one UUID twice',
    decision: 'only the first counts',
    gpus: { out: `${ONE}\n${row(1, A)}` },
    expected: { idle: [0] },
    told: 'names an index or UUID twice',
  },
  {
    does: 'one index twice',
    decision: 'only the first counts',
    gpus: { out: `${ONE}\n${row(0, B)}` },
    expected: { idle: [0] },
    told: 'names an index or UUID twice',
  },
  {
    does: 'a driver that does not know `compute_cap` (code 2)',
    decision: 'it is asked without; the architecture is `unknown`, and the driver is called too old',
    gpus: { out: `0, ${A}, 81559, 81079, Disabled` },
    old: ['compute_cap'],
    expected: { idle: [0] },
    told: 'too old',
  },
  {
    does: 'a driver that does not know `mig.mode.current`',
    decision: 'it is asked without',
    gpus: { out: `0, ${A}, 81559, 81079, 7.0` },
    old: ['mig.mode.current'],
    expected: { idle: [0] },
  },
  {
    does: 'a driver that knows neither',
    decision: 'it is asked without either',
    gpus: { out: `0, ${A}, 81559, 81079` },
    old: ['compute_cap', 'mig.mode.current'],
    expected: { idle: [0] },
    told: 'too old',
  },
  {
    does: 'a GPU that computes in the memory of its host (GB10, Thor, Orin: `[N/A]` as its memory)',
    decision: "it has the host's memory, or GPU_MEMORY_GB if that is less",
    gpus: { out: row(0, A, { total: '[N/A]', free: '[N/A]', capability: '12.1', mig: '[N/A]' }) },
    expected: { idle: [0] },
  },
  {
    does: 'one of two GPUs with MIG on',
    decision: 'the other is used; slices are not leased, and that is told',
    gpus: { out: `${row(0, A, { mig: 'Enabled' })}\n${row(1, B)}` },
    expected: { idle: [1] },
    told: 'has MIG on',
  },
  {
    does: 'all GPUs with MIG on',
    decision: 'an error that names MIG',
    gpus: { out: row(0, A, { mig: 'Enabled' }) },
    expected: 'error',
    told: 'has MIG on',
  },
  {
    does: '`CUDA_VISIBLE_DEVICES` names a slice (`MIG-…`)',
    decision: 'an error that names MIG',
    gpus: { out: GOOD },
    settings: { visibleDevices: ['MIG-1c5a0000'] },
    expected: 'error',
    told: 'is a slice of a GPU (MIG)',
  },
  {
    does: '`CUDA_VISIBLE_DEVICES` names the GPU with MIG on',
    decision: 'an error that names MIG',
    gpus: { out: `${row(0, A, { mig: 'Enabled' })}\n${row(1, B)}` },
    settings: { visibleDevices: ['0'] },
    expected: 'error',
    told: 'has MIG on',
  },
  {
    does: '`CUDA_VISIBLE_DEVICES=NoDevFiles` (also `none`, `void`, `-1`, empty)',
    decision: 'no GPU: cells run on the CPU',
    gpus: { out: GOOD },
    settings: { visibleDevices: ['NoDevFiles'] },
    expected: {},
  },
  {
    does: 'a word of these, or an empty entry, inside the list',
    decision: "it ends the list, as CUDA's rule is",
    gpus: { out: GOOD },
    settings: { visibleDevices: ['1', '', '0'] },
    expected: { idle: [1] },
  },
  {
    does: 'the list names a GPU that is not there',
    decision: 'an error with the GPUs that are',
    gpus: { out: GOOD },
    settings: { visibleDevices: ['7'] },
    expected: 'error',
    told: 'no GPU "7"; nvidia-smi lists 0',
  },
  {
    does: 'the list names the GPU that fell off the bus',
    decision: 'it is left out; the others are used',
    gpus: { out: `${LOST_0}\n${row(1, B)}`, code: 15 },
    processes: { out: LOST_0, code: 15 },
    settings: { visibleDevices: ['0', '1'] },
    expected: { idle: [1] },
    told: 'GPU is lost',
  },
  {
    does: 'the list has the beginning of one UUID',
    decision: 'that GPU',
    gpus: { out: GOOD },
    settings: { visibleDevices: ['GPU-aaaab'] },
    expected: { idle: [1] },
  },
  {
    does: 'the list has a beginning that two UUIDs share',
    decision: 'an error with both',
    gpus: { out: GOOD },
    settings: { visibleDevices: ['GPU-aaaa'] },
    expected: 'error',
    told: `stands for several GPUs: ${A}, ${B}`,
  },
  {
    does: 'a process of somebody else on GPU 0',
    decision: 'GPU 0 is busy',
    gpus: { out: GOOD },
    processes: { out: `${A}, 4194304, 1000` },
    expected: { idle: [1], busy: [0] },
  },
  {
    does: 'a process whose pid or memory it does not tell',
    decision: 'GPU 0 is busy',
    gpus: { out: GOOD },
    processes: { out: `${A}, [N/A], [N/A]` },
    expected: { idle: [1], busy: [0] },
  },
  {
    does: '`No running processes found`',
    decision: 'both are idle',
    gpus: { out: GOOD },
    processes: { out: 'No running processes found' },
    expected: BOTH,
  },
  {
    does: '`[Not Supported]` in place of the processes',
    decision: 'nobody knows who computes: all are busy, and that is told',
    gpus: { out: GOOD },
    processes: { out: '[Not Supported]' },
    expected: { idle: [], busy: [0, 1] },
    told: 'does not tell who computes',
  },
  {
    does: 'rubbish in place of the processes',
    decision: 'all are busy, and that is told',
    gpus: { out: GOOD },
    processes: { out: 'Segmentation fault?' },
    expected: { idle: [], busy: [0, 1] },
    told: 'Segmentation fault?',
  },
  {
    does: 'the question for processes fails',
    decision: 'no GPU is given out meanwhile',
    gpus: { out: GOOD },
    processes: { out: 'Unknown Error', code: 255 },
    expected: 'waits',
    told: 'Unknown Error',
  },
  {
    does: 'memory is taken and no process is shown (a display, another container, WSL)',
    decision: 'free memory decides, and that is told',
    gpus: { out: row(0, A, { free: '60000' }) },
    expected: { idle: [0] },
    told: 'shows no process',
  },
  {
    does: 'the few hundred MiB that a driver keeps for itself',
    decision: 'nothing is told',
    gpus: { out: row(0, A, { free: '80400' }) },
    expected: { idle: [0] },
    untold: 'shows no process',
  },
  {
    does: 'no nvidia-smi in PATH or /usr/lib/wsl/lib',
    decision: 'no GPU: cells run on the CPU',
    gpus: {},
    instead: 'nothing',
    expected: {},
  },
  {
    does: 'a directory of that name',
    decision: 'the next one in PATH counts',
    gpus: {},
    instead: 'a directory',
    expected: {},
  },
  {
    does: 'an nvidia-smi that may not be executed',
    decision: 'cells that want a GPU wait',
    gpus: {},
    instead: 'not executable',
    expected: 'waits',
    told: 'cannot be run (EACCES)',
  },
  {
    does: 'a script whose interpreter is not there',
    decision: 'cells that want a GPU wait: it is there, and cannot be run',
    gpus: {},
    instead: 'no interpreter',
    expected: 'waits',
    told: 'cannot be run (ENOENT)',
  },
  {
    does: 'a file that is no program',
    decision: 'cells that want a GPU wait',
    gpus: {},
    instead: 'no program',
    expected: 'waits',
    told: 'nvidia-smi failed',
  },
];
