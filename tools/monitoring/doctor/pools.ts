// The pools of a cluster (engine: slurm): a probe job looks at a node of each, and what it finds is kept for the runs.
import { cancellation } from '../../base/cancellation.js';
import { messageOf } from '../../base/message.js';
import { writeWhole } from '../../base/files.js';
import { randomUUID } from 'node:crypto';
import { runWork } from '../../execution/engine/engine.js';
import { slurm } from '../../execution/engine/slurm/commands.js';
import {
  poolRecordPath,
  poolText,
  poolsOf,
  probeSchema,
  readKnownPools,
  type PoolRecord,
  type Probe,
} from '../../execution/engine/slurm/pools.js';
import { jobEntry } from '../../execution/engine/slurm/submission.js';
import { slurmEngine } from '../../execution/engine/slurm/slurm.js';
import { faultOfEngine } from '../../execution/cell/failure.js';
import type { ProbeWork } from '../../execution/job/probe.js';
import { openLockDirectory } from '../../execution/lease/directory/lock-directory.js';
import { holdLock, type HeldLock } from '../../execution/store/seen-lock.js';
import type { SlurmPool } from '../../suite/settings/site-table.js';
import { loadSiteSettings, type SiteSettings } from '../../suite/settings/settings.js';
import { error, ok, warning, type Finding } from './finding.js';

const PROBE_SECONDS = 900;

/** Look at a node of each pool. */
export async function probePools(
  workspaceRoot: string,
  suite: string,
  tell: (finding: Finding) => void,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  let settings: SiteSettings;
  try {
    settings = loadSiteSettings(workspaceRoot);
  } catch {
    // The check of the site says what is wrong.
    return [];
  }
  if (settings.engine !== 'slurm') {
    const found = error(
      'engine',
      'cells run on this host (engine: local): there is no pool to probe',
      'Leave --engine out, or set engine: slurm in workspace-config/site.yaml.',
    );
    tell(found);
    return [found];
  }
  const { signal, dispose } = cancellation();
  const lock = holdLock(settings.storageRoot);
  try {
    for (const pool of poolsOf(settings)) {
      const found = await probe(workspaceRoot, suite, settings, pool, lock.held, signal);
      findings.push(found);
      tell(found);
    }
  } finally {
    lock.release();
    dispose();
  }
  return findings;
}

async function probe(
  workspaceRoot: string,
  suite: string,
  settings: SiteSettings,
  pool: SlurmPool,
  lock: HeldLock,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `pool ${pool.name}`;
  const gpus = settings.accelerator === 'cpu' || pool.gpus_per_node === 0 ? 0 : 1;
  const engine = slurmEngine({
    workspace: workspaceRoot,
    directory: openLockDirectory(settings.lockDirectory),
    settings,
    pools: [],
    poolFor: () => pool,
    entry: jobEntry(workspaceRoot),
    onChange: () => undefined,
  });
  const needs = { gpus, gibPerGpu: 0, cpuSlots: 1, ramGiB: 4 };
  const asked = { cell: `${suite}:probe-${pool.name}`, needs, standing: { suite, base: 100 } };
  const elsewhere = {
    work: { workspaceRoot, lock } satisfies ProbeWork,
    limit: { seconds: PROBE_SECONDS, isMeasured: false },
    // Each time anew.
    identity: randomUUID(),
    parse: (said: unknown) => ({ value: probeSchema.parse(said), isDone: true }),
  };
  const log = (line: string): void => {
    process.stderr.write(`${what}: ${line}\n`);
  };
  const done = await runWork<Probe, 'elsewhere'>(engine, { asked, elsewhere, log }, signal);
  if (!done.ok) {
    const { message, hint } = faultOfEngine(done.error);
    return error(what, message, hint === '' ? 'See docs/slurm.md.' : hint);
  }
  const found = done.value;
  if (gpus > 0 && found.gpus.length === 0) {
    return error(
      what,
      `${found.node} shows no GPU to a job that was granted one`,
      'Is there an nvidia-smi on the nodes?',
    );
  }
  const record: PoolRecord = {
    ...found,
    pool: poolText(pool, settings),
    gpusPerNode: pool.gpus_per_node ?? (await gpusPerNode(pool, settings)),
    seenAfterSeconds: Math.max(0, Date.now() - Date.parse(found.at)) / 1_000,
  };
  writeWhole(poolRecordPath(workspaceRoot, pool.name), `${JSON.stringify(record, null, 2)}\n`);
  return judged(what, record);
}

/** What sinfo tells of the pool's partition: the most GPUs of its type that a node has; 1 where it tells none. */
async function gpusPerNode(
  { partition, gpu_type }: SlurmPool,
  { slurmPartition }: SiteSettings,
): Promise<number> {
  const of = partition ?? slurmPartition;
  const said = await slurm('sinfo', [
    '--noheader',
    '--format=%G',
    ...(of === null ? [] : [`--partition=${of}`]),
  ]);
  return said.ok ? mostGpus(said.value, gpu_type) : 1;
}

/** `gpu:h100:2(S:0-1),shard:8` a line. */
export function mostGpus(text: string, type: string | undefined): number {
  const counts = [...text.matchAll(/\bgpu(?::([\w.-]+))?:(\d+)/g)]
    .filter(([, of]) => type === undefined || of === type)
    .map(([, , count]) => Number(count));
  return Math.max(1, ...counts);
}

function judged(
  what: string,
  {
    node,
    deviceClass,
    gpusPerNode,
    gpus,
    driver,
    torch,
    hardLinks,
    lock,
    staging,
    seenAfterSeconds,
  }: PoolRecord,
): Finding {
  const memory =
    gpus[0] === undefined
      ? ''
      : `, ${gpusPerNode} GPUs of ${gpus[0].totalGiB.toFixed(0)} GiB a node, driver ${driver}`;
  const seen = `its files are seen here after ${seenAfterSeconds.toFixed(1)} s`;
  const all = `${node}: ${deviceClass}${memory}; ${seen}; ${lockText(lock)}`;
  if (!torch.ok)
    return error(
      what,
      `${all}; torch does not compute there: ${torch.says}`,
      'Run: npx nx run tools:python-env (docs/gpu-drivers.md)',
    );
  if (!hardLinks)
    return warning(
      what,
      `${all}; the workspace's disk gives no hard links`,
      'Locks of the weights store need them: storage.root on a disk that has them.',
    );
  if (lock !== undefined && lock !== 'seen') return warning(what, all, LOCKS);
  if (staging !== undefined)
    return warning(
      what,
      `${all}; no weights can be staged there: ${staging}`,
      'Name a directory on the own disk of the nodes: storage.staging in workspace-config/site.yaml.',
    );
  return ok(what, `${all}; torch ${torch.says}`);
}

function lockText(lock: PoolRecord['lock']): string {
  const what = 'locks (flock) of the head in the weights store';
  if (lock === undefined) return `whether ${what} are seen there is unknown, as an earlier version looked`;
  if (lock === 'seen' || lock === 'not seen') return `${what} are ${lock} there`;
  return `whether ${what} are seen there cannot be told: ${lock.problem}`;
}

const LOCKS =
  'Two hosts could make the same weights at once. Mount the disk of storage.root so that flock holds between hosts ' +
  '(docs/slurm.md, "On a shared disk"), or let no two workspaces with this store run at the same time.';

/** What earlier probes found, for the doctor's other checks. */
export function knownPools(
  workspaceRoot: string,
  settings: Pick<SiteSettings, 'accelerator' | 'slurmPools' | 'slurmPartition'>,
): Finding[] {
  if (settings.accelerator === 'cpu')
    return [ok('pools', 'cells of jobs compute on the CPU (accelerator: cpu)')];
  try {
    return readKnownPools(workspaceRoot, settings).map(({ pool, record }) =>
      judged(`pool ${pool.name}`, record),
    );
  } catch (cause) {
    return [error('pools', messageOf(cause), 'Run: npx nx run <suite>:doctor --engine')];
  }
}
