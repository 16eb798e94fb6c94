// The leases and tickets of a host for people.
import { durationText } from '../../base/duration.js';
import type { JobRecord } from '../../execution/engine/job-records.js';
import { table } from './table.js';
import { sizeText } from '../../base/units.js';
import type { LeaseList, ListedLease, ListedTicket } from './leases.js';

export function leaseLines(list: LeaseList): string[] {
  const { directory, leases, tickets, jobs, damaged } = list;
  return [
    `${directory}: ${count(leases.length, 'lease')}, ${tickets.length} waiting`,
    ...(leases.length > 0 ? table([LEASE_HEAD, ...leases.map(leaseRow)]) : []),
    ...leases.flatMap(({ cell, concerns }) => concerns.map((one) => `! ${cell}: ${one}`)),
    ...(tickets.length > 0 ? ['waiting', ...table([TICKET_HEAD, ...tickets.map(ticketRow)])] : []),
    ...(jobs.length > 0 ? ['jobs of Slurm', ...table([JOB_HEAD, ...jobs.map(jobRow)])] : []),
    ...damaged.map(({ path, why }) => `! ${path} ${why}; what it stands for stays held`),
  ];
}

/** `GPU 0, GPU 1: 66.0 GiB each, RAM 2.5 GiB`; `CPU` where it has no GPU. */
export function resourcesText({ gpus, gibPerGpu, ramGiB, diskBytes }: ListedLease): string {
  const on = gpus.map((index) => `GPU ${index}`).join(', ') || 'CPU';
  const memory = gpus.length > 0 ? `: ${gibPerGpu.toFixed(1)} GiB${gpus.length > 1 ? ' each' : ''}` : '';
  const disk = diskBytes > 0 ? `, disk ${sizeText(diskBytes)}` : '';
  return `${on}${memory}, RAM ${ramGiB.toFixed(1)} GiB${disk}`;
}

const LEASE_HEAD = [
  'id',
  'cell',
  'holds',
  'since',
  'for',
  'executor',
  'worker',
  'attempt',
  'host',
  'workspace',
];

function leaseRow(lease: ListedLease): string[] {
  const { id, cell, since, elapsedSeconds, executorPid, workerPid, attempt, host, workspace } = lease;
  return [
    id,
    cell,
    resourcesText(lease),
    `${since.slice(0, 19)}Z`,
    durationText(elapsedSeconds),
    String(executorPid),
    String(workerPid ?? '-'),
    String(attempt),
    host,
    workspace,
  ];
}

const TICKET_HEAD = ['id', 'cell', 'for', 'executor', 'attempt', 'host', 'workspace'];

function ticketRow(ticket: ListedTicket): string[] {
  const { id, cell, waitedSeconds, executorPid, attempt, host, workspace } = ticket;
  return [id, cell, durationText(waitedSeconds), String(executorPid), String(attempt), host, workspace];
}

const JOB_HEAD = ['job', 'cell', 'state', 'since', 'GPUs', 'executor', 'attempt', 'workspace'];

function jobRow({
  job,
  cell,
  state,
  reason,
  node,
  since,
  gpus,
  executor,
  attempt,
  workspace,
}: JobRecord): string[] {
  return [
    job ?? '-',
    cell,
    state === 'running' ? `runs on ${node}` : `waits: ${reason}`,
    `${since.slice(0, 19)}Z`,
    String(gpus),
    String(executor.pid),
    String(attempt),
    workspace,
  ];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
