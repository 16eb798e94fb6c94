// The pools of nodes: which a site has, what a probe job found on a node of each, and which of them a cell goes to.
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../../base/canonical.js';
import type { JsonValue } from '../../../base/json-value.js';
import { Fault } from '../../../base/fault.js';
import { readRecord } from '../../../host/read-record.js';
import type { GpuReading } from '../../../host/gpu-answer.js';
import type { SlurmPool } from '../../../suite/settings/site-table.js';
import type { Needs } from '../../lease/policy/state.js';
import { SLURM_DIRECTORY, type SlurmSettings } from './submission.js';

/** What a probe job tells of its node. */
export const probeSchema = z.object({
  node: z.string(),
  /** UTC, ISO-8601. */
  at: z.string(),
  deviceClass: z.string(),
  gpus: z.array(
    z.object({
      index: z.number(),
      uuid: z.string(),
      totalGiB: z.number(),
      freeGiB: z.number(),
      architecture: z.string(),
      unified: z.literal(true).optional(),
    }),
  ),
  /** Of NVIDIA; empty where nvidia-smi tells none. */
  driver: z.string(),
  /** What torch computes on there, or why it does not. */
  torch: z.object({ ok: z.boolean(), says: z.string() }),
  /** Whether the workspace's disk gives hard links there. */
  hardLinks: z.boolean(),
  /** Whether a lock (flock) that the head holds in the weights store is seen there. Older records do not tell. */
  lock: z.union([z.enum(['seen', 'not seen']), z.object({ problem: z.string() })]).optional(),
  /** Why no weights can be staged there, though the site has a directory for it. */
  staging: z.string().optional(),
});
export type Probe = z.infer<typeof probeSchema>;

const recordSchema = probeSchema.extend({
  /** As the pool was written when it was probed. */
  pool: z.string(),
  gpusPerNode: z.number(),
  /** Seconds until what the node wrote was seen by the head. */
  seenAfterSeconds: z.number(),
});
export type PoolRecord = z.infer<typeof recordSchema>;

export interface KnownPool {
  pool: SlurmPool;
  gpus: GpuReading[];
  record: PoolRecord;
}

type Settings = Pick<SlurmSettings, 'slurmPools' | 'slurmPartition'>;

export function poolsOf({ slurmPools }: Pick<Settings, 'slurmPools'>): SlurmPool[] {
  return slurmPools ?? [{ name: 'default' }];
}

/** The one for cells that need no GPU; without it they run beside nx. */
export function cpuPool(settings: Pick<Settings, 'slurmPools'>): SlurmPool | undefined {
  return poolsOf(settings).find(({ gpus_per_node: gpus }) => gpus === 0);
}

export function poolRecordPath(workspaceRoot: string, name: string): string {
  return join(workspaceRoot, SLURM_DIRECTORY, 'pools', `${name}.json`);
}

/** A record is of the pool as it was written then. */
export function poolText(pool: SlurmPool, { slurmPartition }: Settings): string {
  // Through JSON: what is not given is not there.
  return canonicalJson(JSON.parse(JSON.stringify({ slurmPartition, ...pool })) as JsonValue);
}

/**
 * What is known of all pools that have GPUs.
 *
 * @throws Fault when one was not probed as it is written now, or they have not one class of device.
 */
export function readKnownPools(workspaceRoot: string, settings: Settings): KnownPool[] {
  const withGpus = poolsOf(settings).filter(({ gpus_per_node: gpus }) => gpus !== 0);
  const pools = withGpus.map((pool) => {
    const record = readRecord(poolRecordPath(workspaceRoot, pool.name), recordSchema);
    if (!record.ok || record.value.pool !== poolText(pool, settings)) {
      throw new Fault(
        'environment',
        `engine: slurm, and nothing is known of pool ${pool.name} as it is written`,
        PROBE,
      );
    }
    return { pool, gpus: gpusOf(record.value), record: record.value };
  });
  const classes = new Map(pools.map(({ pool, record }) => [record.deviceClass, pool.name]));
  if (classes.size > 1) {
    const all = [...classes].map(([of, name]) => `${name}: ${of}`).join(', ');
    throw new Fault(
      'environment',
      `the pools have several classes of device (${all}), and a run has one`,
      NARROW,
    );
  }
  return pools;
}

/** A node's GPUs: as many as there are, each like the one that was seen. */
function gpusOf({ gpus: [seen], gpusPerNode }: PoolRecord): GpuReading[] {
  if (seen === undefined) return [];
  const { unified, ...gpu } = seen;
  const one = unified === undefined ? gpu : { ...gpu, unified };
  return Array.from({ length: gpusPerNode }, (_, index) => ({
    ...one,
    index,
    uuid: `${index} of ${gpu.uuid}`,
  }));
}

const PROBE = 'A probe job looks: npx nx run <suite>:doctor --engine';
const NARROW =
  'Leave pools out, or narrow them by constraint or gpu_type: slurm.pools in workspace-config/site.yaml.';

/** The GPUs of a host of the largest pool: plans are made for it. */
export function largest(pools: readonly KnownPool[]): GpuReading[] {
  return [...pools].sort((a, b) => memoryOf(b) - memoryOf(a))[0]?.gpus ?? [];
}

/** The smallest pool that has so many GPUs of so much memory; where none has, the largest. */
export function poolFor(
  { gpus, gibPerGpu }: Pick<Needs, 'gpus' | 'gibPerGpu'>,
  pools: readonly KnownPool[],
  settings: Settings,
): SlurmPool {
  const withoutGpu = gpus === 0 ? cpuPool(settings) : undefined;
  if (withoutGpu !== undefined) return withoutGpu;
  const rising = [...pools].sort((a, b) => memoryOf(a) - memoryOf(b));
  const fits = rising.find((one) => one.gpus.filter(({ totalGiB }) => totalGiB >= gibPerGpu).length >= gpus);
  return (fits ?? rising.at(-1))?.pool ?? poolsOf(settings)[0] ?? { name: 'default' };
}

function memoryOf({ gpus }: KnownPool): number {
  return gpus.reduce((sum, { totalGiB }) => sum + totalGiB, 0);
}
