// Slurm's queue as all executors of a host read it: one asks squeue, the others that wait take its answer.
import { z } from 'zod';
import { sha256 } from '../../../base/canonical.js';
import { messageOf } from '../../../base/message.js';
import { monotonicMs } from '../../../base/clock.js';
import type { LockDirectory } from '../../lease/directory/lock-directory.js';
import { readShared } from '../../lease/gpus/reading-cache.js';
import { slurm } from './commands.js';
import { UNKNOWN, type Ended } from './states.js';

const jobSchema = z.object({
  id: z.string(),
  state: z.string(),
  reason: z.string(),
  node: z.string(),
  /** Where it was submitted: the directory of its submission. */
  directory: z.string(),
  name: z.string(),
});
const answerSchema = z.object({
  askedAtMs: z.number(),
  jobs: z.array(jobSchema),
  error: z.string().nullable(),
});

export type QueuedJob = z.infer<typeof jobSchema>;

/** Of this user, with those that ended lately; or what is wrong with the controller. */
export type Queue = z.infer<typeof answerSchema>;

const LIMIT_MS = 30_000;
const FORMAT = '%i|%T|%r|%N|%Z|%j';

export async function readQueue(
  directory: LockDirectory,
  wanted: { maxAgeMs: number; notBeforeMs?: number },
): Promise<Queue> {
  const name = `squeue-${sha256(process.env.SLURM_CONF ?? '').slice(0, 8)}`;
  try {
    const answer = await readShared(directory.readings, name, { ...wanted, limitMs: LIMIT_MS }, ask);
    return answerSchema.parse(answer);
  } catch (error) {
    return { askedAtMs: 0, jobs: [], error: messageOf(error) };
  }
}

async function ask(limitMs: number): Promise<Queue> {
  const askedAtMs = monotonicMs();
  const said = await slurm('squeue', ['--me', '--states=all', '--noheader', `--format=${FORMAT}`], {
    limitMs,
  });
  const [jobs, error] = said.ok ? [parseQueue(said.value), null] : [[], said.error];
  return { askedAtMs, jobs, error };
}

/** A job a line; a line of another form is none. */
export function parseQueue(text: string): QueuedJob[] {
  return text.split('\n').flatMap((line) => {
    const [id = '', state = '', reason = '', node = '', directory = '', ...name] = line.split('|');
    if (!/^\d+$/.test(id) || name.length === 0) return [];
    return [{ id, state, reason, node: node.trim(), directory, name: name.join('|') }];
  });
}

/** How a job ended that squeue calls ended, or knows no more. Undefined while nobody can be asked. */
export async function readEnd(job: string): Promise<Ended | undefined> {
  const shown = await slurm('scontrol', ['show', 'job', job, '--oneliner']);
  if (shown.ok) return parseShown(job, shown.value);
  if (!/invalid job id/i.test(shown.error)) return undefined;
  const counted = await slurm('sacct', ['-j', job, '-X', '-n', '-P', '-o', 'State,ExitCode,NodeList']);
  // Most sites have no accounting to ask, or one that knows nothing.
  return counted.ok ? parseCounted(job, counted.value) : unknown(job);
}

export function parseShown(job: string, text: string): Ended {
  const of = (name: string): string => new RegExp(`(?:^|\\s)${name}=(\\S*)`).exec(text)?.[1] ?? '';
  const state = of('JobState').split(/[ ,+]/)[0] ?? '';
  const node = of('NodeList').replace('(null)', '');
  return {
    job,
    state: state === '' ? UNKNOWN : state,
    node,
    ...exitOf(of('ExitCode')),
    reason: plain(of('Reason')),
  };
}

/** `CANCELLED by 0|0:15|node1`. */
export function parseCounted(job: string, text: string): Ended {
  const [state = '', exit = '', node = ''] = text.trim().split('\n')[0]?.split('|') ?? [];
  if (state === '') return unknown(job);
  return {
    job,
    state: state.split(' ')[0] ?? '',
    node: node.replace(/^None.*/, ''),
    ...exitOf(exit),
    reason: '',
  };
}

function unknown(job: string): Ended {
  return { job, state: UNKNOWN, node: '', exitCode: null, signal: null, reason: '' };
}

function exitOf(text: string): Pick<Ended, 'exitCode' | 'signal'> {
  const [exitCode, signal] = text.split(':').map(Number);
  return { exitCode: exitCode ?? null, signal: signal ?? null };
}

function plain(reason: string): string {
  return reason === 'None' ? '' : reason;
}
