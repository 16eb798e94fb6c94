// The job file Python gets (validation/job.py reads it), and the environment its process gets.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LEASE_VARIABLE } from '../lease/reap.js';
import type { LeaseRecord } from '../lease/directory/records.js';
import type { CellOptions, CellPart } from '../../suite/model/cell.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import type { Attempt } from './attempt.js';
import { writeWhole } from '../../base/files.js';
import { slurmJob } from '../../host/slurm.js';
import type { PendingPart } from '../records/pending-part.js';
import type { ResolvedRead } from '../records/reads.js';

export interface JobFacts {
  cell: string;
  options: CellOptions;
  reads: readonly ResolvedRead[];
  parts: readonly PendingPart[];
  attempt: Attempt;
  storageRoot: string;
  /** Make weights anew although the store has them. */
  remake: boolean;
  deviceClass: string;
  lease: LeaseRecord;
  threads: number;
  site: SiteSettings;
}

export function stagingOf(attempt: Attempt, part: CellPart): string {
  return join(attempt.out, part.name);
}

export function writeJobFile({ cell, options, reads, parts, attempt, ...facts }: JobFacts): void {
  const gpus = facts.lease.gpus.length;
  for (const { part } of parts) mkdirSync(stagingOf(attempt, part), { recursive: true });
  const job = {
    schema: 1,
    cell,
    kind: options.kind,
    model: options.model,
    size_class: options.sizeClass,
    remake: facts.remake,
    device: { type: gpus > 0 ? 'cuda' : 'cpu', class: facts.deviceClass, gpus, threads: facts.threads },
    site: {
      parallelize: facts.site.parallelize,
      memory_fraction: facts.site.memoryFraction,
      shared: facts.site.sharing === 'memory' && !facts.site.requireIdle,
      require_fp4_native: facts.site.requireFp4Native,
      allow_network: facts.site.allowNetwork,
    },
    work: attempt.work,
    logs: attempt.byproducts,
    reads: Object.fromEntries(
      reads.map(({ name, path, sha256, manifest }) => [
        name,
        { path, sha256, ...(manifest === undefined ? {} : { manifest: manifest.path }) },
      ]),
    ),
    parts: parts.map(({ part, fingerprint }) => ({
      name: part.name,
      spec: part.spec,
      out: stagingOf(attempt, part),
      store: part.link === undefined ? null : { root: facts.storageRoot, recipe: fingerprint },
    })),
  };
  writeWhole(attempt.job, `${JSON.stringify(job, null, 2)}\n`);
}

/** What the process inherits is the user's environment (hub tokens, proxies), with the lease's share of the host. */
export function workerEnvironment(
  workspaceRoot: string,
  lease: LeaseRecord,
  threads: number,
): Record<string, string> {
  const count = String(threads);
  return {
    // Never a user's own packages in front of the locked ones.
    PYTHONPATH: join(workspaceRoot, 'tools', 'python'),
    PYTHONNOUSERSITE: '1',
    // What a suite's relative model path is relative to.
    NX_WORKSPACE_ROOT: workspaceRoot,
    PYTHONUNBUFFERED: '1',
    PYTHONHASHSEED: '0',
    // .venv is compiled already; nothing else is to appear in source or task folders.
    PYTHONDONTWRITEBYTECODE: '1',
    [LEASE_VARIABLE]: lease.id,
    CUDA_VISIBLE_DEVICES: visibleTo(lease),
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    OMP_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    TOKENIZERS_PARALLELISM: 'false',
  };
}

/**
 * The GPUs of a lease by their UUIDs; in a Slurm job by the names that Slurm gave them, in its order, so that a lease of
 * all of them is CUDA_VISIBLE_DEVICES as Slurm set it.
 */
export function visibleTo(
  { gpus, gpuIndices }: Pick<LeaseRecord, 'gpus' | 'gpuIndices'>,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  const byUuid = gpus.join(',');
  if (slurmJob(environment) === undefined || gpus.length === 0) return byUuid;
  const isLeased = (name: string): boolean =>
    gpuIndices.some((index) => String(index) === name) ||
    (name.length > 4 && gpus.some((uuid) => uuid.startsWith(name)));
  const granted = (environment.CUDA_VISIBLE_DEVICES ?? '').split(',').map((name) => name.trim());
  const own = granted.filter(isLeased);
  return own.length === gpus.length ? own.join(',') : byUuid;
}
