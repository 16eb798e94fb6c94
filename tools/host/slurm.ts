// The Slurm allocation that this process runs in: whose GPUs, cores and memory it has, and when it ends.
import { execFileSync } from 'node:child_process';
import { messageOf } from '../base/message.js';
import { fail, ok, type Result } from '../base/result.js';

export interface SlurmJob {
  id: string;
  node: string;
  /** How often Slurm has begun it anew. */
  restarts: number;
  /** Names what the job, or this step of it, sees of the node's GPUs: others see others. */
  view: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Undefined outside of Slurm, and beside an allocation: `salloc` leaves its shell on the host it was called on. */
export function slurmJob(environment: Environment = process.env): SlurmJob | undefined {
  const { SLURM_JOB_ID: id = '', SLURMD_NODENAME: node = '', SLURM_RESTART_COUNT: restarts } = environment;
  if (!/^\d+$/.test(id) || node === '') return undefined;
  // Of a step, which may have some of the job's, else of the job.
  const gpus = environment.SLURM_STEP_GPUS ?? environment.SLURM_JOB_GPUS ?? '';
  const part = gpus === '' ? '' : `-gpus-${gpus.replace(/[^\w.-]+/g, '-')}`;
  return { id, node, restarts: Number(restarts ?? 0), view: `slurm-${id}${part}` };
}

/** What Slurm granted on this node, for sites where no control group holds a job to it; Infinity where it says nothing. */
export function slurmLimits(environment: Environment = process.env): { cpus: number; memoryBytes: number } {
  if (slurmJob(environment) === undefined) return { cpus: Infinity, memoryBytes: Infinity };
  const { SLURM_CPUS_ON_NODE: cpus, SLURM_MEM_PER_NODE: perNode, SLURM_MEM_PER_CPU: perCpu } = environment;
  const onNode = positive(cpus);
  const megabytes = Math.min(positive(perNode), positive(perCpu) * onNode);
  return { cpus: onNode, memoryBytes: megabytes * 2 ** 20 };
}

/** 0 is all of the node. */
function positive(text: string | undefined): number {
  const value = Number(text ?? '');
  return value > 0 ? value : Infinity;
}

/** When the job is ended, in milliseconds since the epoch; Infinity where it has no limit. @returns else why not. */
export function endOfJob({ id }: SlurmJob, environment: Environment = process.env): Result<number, string> {
  const told = Number(environment.SLURM_JOB_END_TIME ?? '');
  if (told > 0) return ok(told * 1_000);
  const shown = scontrol(['show', 'job', id, '--oneliner']);
  if (!shown.ok) return shown;
  const end = /\bEndTime=(\S+)/.exec(shown.value)?.[1] ?? '';
  if (end === 'Unknown' || /\bTimeLimit=UNLIMITED\b/.test(shown.value)) return ok(Infinity);
  const endMs = Date.parse(`${end}Z`);
  return Number.isNaN(endMs) ? fail(`scontrol says "EndTime=${end}"`) : ok(endMs);
}

/** Whether the controller says that a job runs no more, in this or any other allocation. One that it does not know has ended. */
export function hasEnded(id: string): boolean {
  const shown = scontrol(['show', 'job', id, '--oneliner']);
  if (!shown.ok) return /Invalid job id/i.test(shown.error);
  return !/\bJobState=(RUNNING|SUSPENDED|COMPLETING|STAGE_OUT|STOPPED|SIGNALING)\b/.test(shown.value);
}

const LIMIT_MS = 20_000;

function scontrol(args: readonly string[]): Result<string, string> {
  try {
    // Its times in a form of its own choice and zone otherwise.
    const env = { ...process.env, TZ: 'UTC', SLURM_TIME_FORMAT: 'standard' };
    const options = { env, encoding: 'utf8', timeout: LIMIT_MS, stdio: 'pipe' } as const;
    return ok(execFileSync('scontrol', args, options));
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1);
    return fail(said === undefined || said === '' ? messageOf(error) : said);
  }
}
