// What Slurm's states of a job mean to the cell it was submitted for: one table. Pure.
import { Fault } from '../../../base/fault.js';

/** What is known of a job that has ended, and whose work left no word. */
export interface Ended {
  job: string;
  state: string;
  node: string;
  /** As `ExitCode=<code>:<signal>` tells; null where nobody knows any more. */
  exitCode: number | null;
  signal: number | null;
  /** `Reason` of the job: JobLaunchFailure, NonZeroExitCode, … */
  reason: string;
}

/** In the queue: it waits, runs, or is on its way out. */
const LIVE: ReadonlySet<string> = new Set([
  'PENDING',
  'RUNNING',
  'SUSPENDED',
  'CONFIGURING',
  'COMPLETING',
  'RESIZING',
  'SIGNALING',
  'STAGE_OUT',
  'STOPPED',
  // Back in the queue, by an administrator or by the site's own will: Slurm begins it anew.
  'REQUEUED',
  'REQUEUE_FED',
  'REQUEUE_HOLD',
  'RESV_DEL_HOLD',
  'SPECIAL_EXIT',
]);
const RUNS: ReadonlySet<string> = new Set(['RUNNING', 'COMPLETING', 'SIGNALING', 'STAGE_OUT', 'RESIZING']);

export const isLive = (state: string): boolean => LIVE.has(state);
export const isRunning = (state: string): boolean => RUNS.has(state);

/** The state of a job that the controller and the accounting do not know. */
export const UNKNOWN = 'UNKNOWN';

const TRY_ANEW = 'It counts as no try: the cell is submitted anew.';
const MORE_MEMORY = 'The next try asks for half as much again.';

/**
 * Why a job ended without a word of its own. Whether the cell is finished its receipt says, and never this.
 *
 * @param isMeasured its time limit was made of measured durations.
 */
export function faultOfEnd(ended: Ended, isMeasured = false): Fault {
  const { job, state, node } = ended;
  const on = node === '' ? `Slurm job ${job}` : `Slurm job ${job} on ${node}`;
  switch (state) {
    case 'NODE_FAIL':
    case 'BOOT_FAIL':
      return new Fault('node_lost', `the node of ${on} was lost (${state})`, TRY_ANEW);
    case 'PREEMPTED':
      return new Fault('node_lost', `${on} was preempted by another job`, TRY_ANEW);
    case 'REVOKED':
      return new Fault('node_lost', `${on} was revoked: a sister in another cluster runs`, TRY_ANEW);
    case UNKNOWN:
      return new Fault('node_lost', `Slurm does not know job ${job} any more, and it left no word`, TRY_ANEW);
    case 'OUT_OF_MEMORY':
      return new Fault('host_out_of_memory', `${on} was ended: the memory it asked for ran out`, MORE_MEMORY);
    case 'TIMEOUT':
    case 'DEADLINE':
      if (isMeasured) {
        return new Fault(
          'time_limit',
          `${on} was ended by a time limit made of what cells of its kind took before`,
          'It counts as no try: the cell is submitted anew with all of its time-out.',
        );
      }
      return new Fault(
        'timeout',
        `${on} was ended by its time limit`,
        'Raise timeouts.default_s or timeouts.tasks in workspace-config/site.yaml, or name a partition with a longer limit.',
      );
    case 'CANCELLED':
      return new Fault(
        'broken',
        `${on} was cancelled by hand (scancel, nx leases --break)`,
        'Run the same command to go on.',
      );
    default:
      return ofExit(ended, on);
  }
}

/** FAILED and COMPLETED: the code is that of the job's own process. */
function ofExit({ state, exitCode, signal, reason }: Ended, on: string): Fault {
  const ended = `${on} ended (${state}, exit code ${exitCode ?? 'unknown'}${reason === '' ? '' : `, ${reason}`})`;
  // Slurm's own mark of memory that ran out, also where the state is FAILED.
  if (signal === 125) {
    return new Fault('host_out_of_memory', `${ended}: the memory it asked for ran out`, MORE_MEMORY);
  }
  if (signal === 9 || exitCode === 137) {
    return new Fault('killed', `${ended}: its process was ended by SIGKILL`, 'Perhaps its memory ran out.');
  }
  if (exitCode === 143 || signal === 15) return new Fault('broken', `${ended}: somebody ended its process`);
  // Without control groups for memory, Slurm calls that a launch failure.
  if (reason === 'JobLaunchFailure')
    return new Fault('node_lost', `${ended}: it could not be launched`, TRY_ANEW);
  if (exitCode === 0) return new Fault('missing_result', `${ended} and left no receipt`);
  return new Fault(
    'environment',
    `${ended} before its cell began`,
    'Its log says why: Node.js and the workspace must be there on the nodes.',
  );
}
