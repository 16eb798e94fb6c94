// The submission of a job: what sbatch is told of a cell's needs, and the directory that head and job share. Pure.
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../../../base/canonical.js';
import type { SiteSettings } from '../../../suite/settings/settings.js';
import type { SlurmPool } from '../../../suite/settings/site-table.js';
import type { Needs } from '../../lease/policy/state.js';

/** Relative to the workspace, which head and nodes share. */
export const SLURM_DIRECTORY = 'output/.slurm';

export type SlurmSettings = Pick<
  SiteSettings,
  | 'slurmAccount'
  | 'slurmPartition'
  | 'slurmQos'
  | 'slurmExtra'
  | 'slurmPools'
  | 'slurmMaxJobs'
  | 'slurmPollSeconds'
  | 'slurmLeaveJobs'
  | 'threads'
>;

/** What work.json says beside the work itself. */
export const givenSchema = z.object({
  identity: z.string(),
  limit: z.object({ seconds: z.number(), isMeasured: z.boolean() }).optional(),
});

/** The files of one submission. */
export interface Submission {
  /** Names this submission, among all of the same cell. */
  id: string;
  directory: string;
  work: string;
  script: string;
  log: string;
  end: string;
}

export function submissionAt(directory: string): Submission {
  return {
    id: directory.split('/').at(-1) ?? '',
    directory,
    work: join(directory, 'work.json'),
    script: join(directory, 'job.sh'),
    log: join(directory, 'slurm.log'),
    end: join(directory, 'end.json'),
  };
}

/** The name of a cell's job, by which it is found again: the cell, and which workspace. */
export function jobName(cell: string, workspace: string): string {
  return `${cell}@${workspaceMark(workspace)}`;
}

export function workspaceMark(workspace: string): string {
  return sha256(workspace).slice(0, 12);
}

/** Where all submissions of one cell lie. */
export function submissionsOf(cell: string, workspace: string): string {
  return join(workspace, SLURM_DIRECTORY, cell.replace(':', '--'));
}

export interface Asked {
  name: string;
  submission: Submission;
  needs: Pick<Needs, 'gpus' | 'ramGiB'>;
  timeoutSeconds: number;
  /** 0–100, higher first. */
  priority: number;
  pool: SlurmPool;
}

/** What the executor on the node, and Slurm's own step, take beside the cell. */
const BESIDE_GIB = 0.75;
/** Of what a job has, cells may plan so much (host.ts). */
const PLANNED_SHARE = 0.9;
/** From the cell's own time-out to the end of its job: it ends itself, and says so. */
const AFTER_TIMEOUT_S = 300;

export function sbatchArguments(asked: Asked, settings: SlurmSettings): string[] {
  const { name, submission, needs, timeoutSeconds, priority, pool } = asked;
  const partition = pool.partition ?? settings.slurmPartition;
  const gpus = pool.gpu_type === undefined ? String(needs.gpus) : `${pool.gpu_type}:${needs.gpus}`;
  const minutes = Math.ceil((timeoutSeconds + AFTER_TIMEOUT_S) / 60);
  return [
    '--parsable',
    ...given('account', settings.slurmAccount),
    ...given('partition', partition),
    ...given('qos', settings.slurmQos),
    ...given('constraint', pool.constraint),
    `--job-name=${name}`,
    `--chdir=${submission.directory}`,
    `--output=${submission.log}`,
    '--open-mode=append',
    '--export=ALL',
    '--no-requeue',
    '--nodes=1',
    '--ntasks=1',
    `--cpus-per-task=${settings.threads}`,
    `--mem=${Math.ceil((needs.ramGiB / PLANNED_SHARE + BESIDE_GIB) * 1_024)}M`,
    ...(needs.gpus > 0 ? [`--gpus-per-node=${gpus}`] : []),
    ...(timeoutSeconds > 0 ? [`--time=${minutes}`] : []),
    `--nice=${100 - priority}`,
    // Last: of an option that is given twice sbatch takes the latter.
    ...(settings.slurmExtra ?? []),
    ...(pool.extra ?? []),
    submission.script,
  ];
}

function given(option: string, value: string | null | undefined): string[] {
  return value === null || value === undefined ? [] : [`--${option}=${value}`];
}

/** The program of a job: the cell, or the probe, that its directory describes. */
export function jobEntry(workspace: string): string {
  return join(workspace, 'tools', 'dist', 'bin', 'cell-job.js');
}

/** What Slurm runs on the node: the head's own Node.js where it is there too, else the one on the path. */
export function jobScript(node: string, entry: string, { directory }: Submission): string {
  const run = `${quoted(entry)} ${quoted(directory)}`;
  return `#!/bin/bash\nif [ -x ${quoted(node)} ]; then exec ${quoted(node)} ${run}; fi\nexec node ${run}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
