// Every execution setting: changes no cell's hash, and reaches what it names: a ticket, the job, the process, the pool.
// A setting without a row here is a type error.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../tools/base/canonical.js';
import { resolveSources } from '../../tools/generators/sources.js';
import { openLockDirectory } from '../../tools/execution/lease/directory/lock-directory.js';
import { readPool } from '../../tools/execution/lease/gpus/pool.js';
import { preTasksExecution } from '../../tools/plugin.js';
import { AS_PLANNED, NO_RETRIES } from '../../tools/execution/cell/retry/adjustment.js';
import { newAttempt } from '../../tools/execution/worker/attempt.js';
import { readMachineIdentity } from '../../tools/execution/records/identity.js';
import { workerEnvironment, writeJobFile } from '../../tools/execution/worker/job-file.js';
import { cutMs } from '../../tools/execution/lease/deadline.js';
import { leaseRequest } from '../../tools/execution/cell/lease-request.js';
import { backoffMs, decideRetry } from '../../tools/execution/cell/retry/retry.js';
import { isRemote, type CellContext } from '../../tools/execution/cell/context.js';
import { poolFor, poolRecordPath, poolText } from '../../tools/execution/engine/slurm/pools.js';
import { sbatchArguments, submissionAt } from '../../tools/execution/engine/slurm/submission.js';
import type { CellKind } from '../../tools/suite/model/cell.js';
import { identityOf } from '../../tools/suite/settings/identity.js';
import { isEvictable } from '../../tools/suite/model/keep.js';
import { loadSuite } from '../../tools/suite/load/load.js';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { projectFiles } from '../../tools/suite/nx/project-json.js';
import { PYTHON_LOCK } from '../../tools/suite/model/python-sources.js';
import { EMPTY_RECORD, requireRecorded } from '../../tools/suite/nx/record.js';
import { loadSiteSettings, type SiteSettings } from '../../tools/suite/settings/settings.js';
import { SITE_ROWS, SITE_TABLE, type SiteKey, type SiteRow } from '../../tools/suite/settings/site-table.js';
import { TASK_NAMES, taskName, timeoutOf } from '../../tools/suite/model/task-names.js';
import { leaseRecord } from '../monitoring/status/builders.js';
import { OTHER_VALUES } from './other-values.js';
import { REPOSITORY } from '../support/repository.js';

const SUITE = readFileSync(join(REPOSITORY, 'suites/b200/suite.yaml'), 'utf8');
const UUIDS = ['aaaaaaaa', 'bbbbbbbb'].map((name) => `GPU-${name}-0000-0000-0000-000000000000`);
const PATH = process.env.PATH;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-execution-'));
  for (const folder of ['workspace-config', 'suites/b200', 'tools/python', 'bin']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, 'suites/b200/suite.yaml'), SUITE);
  writeFileSync(join(root, PYTHON_LOCK), readFileSync(join(REPOSITORY, PYTHON_LOCK)));
  const gpus = UUIDS.map((uuid, index) => `${index}, ${uuid}, 81559, 81079, 9.0, [N/A]`).join('\\n');
  const script = `#!/bin/sh\ncase "$1" in *compute-apps*) ;; *) printf '${gpus}\\n' ;; esac\n`;
  writeFileSync(join(root, 'bin/nvidia-smi'), script);
  chmodSync(join(root, 'bin/nvidia-smi'), 0o755);
  // As `doctor --engine` found the pool of a cluster with the same GPUs.
  const gpu = { index: 0, uuid: UUIDS[0], totalGiB: 80, freeGiB: 80, architecture: 'sm90' };
  const probe = {
    ...{ node: 'n1', at: '2030-01-01T00:00:00Z', deviceClass: 'cuda-sm90', gpus: [gpu], driver: '550' },
    ...{ torch: { ok: true, says: '' }, hardLinks: true, gpusPerNode: 2, seenAfterSeconds: 0 },
    pool: poolText({ name: 'default' }, { slurmPools: null, slurmPartition: null }),
  };
  mkdirSync(dirname(poolRecordPath(root, 'default')), { recursive: true });
  writeFileSync(poolRecordPath(root, 'default'), JSON.stringify(probe));
  process.env.PATH = `${join(root, 'bin')}:${PATH ?? ''}`;
});
afterAll(() => {
  process.env.PATH = PATH;
  rmSync(root, { recursive: true, force: true });
});

const cells = planSuite(parsedSuite());

function parsedSuite() {
  const loaded = loadSuite(REPOSITORY, 'b200', {});
  if (!loaded.ok) throw new Error('b200 has mistakes');
  return loaded.value.suite;
}

/** What a setting may reach: the settings as they were read, and the environment they were read from. */
type Observe = (settings: SiteSettings, environment: NodeJS.ProcessEnv) => unknown;

/** A cell about to ask for its lease. */
function contextOf(settings: SiteSettings, id: string): CellContext {
  const cell = cells.find((one) => one.id === `b200.${id}`);
  if (cell === undefined) throw new Error(id);
  const pool = UUIDS.map((uuid, index) => ({ uuid, index, totalGiB: 80, freeGiB: 79, architecture: 'sm90' }));
  const { project, target } = cell;
  const schedule = { units: 1, cellsOfModel: 1, blocks: 0, suiteGiB: 8_000, chains: [] };
  return {
    ...{ workspaceRoot: root, project, target, cell: cell.id, options: cell, schedule, settings },
    ...{ machine: { versions: {}, deviceClass: 'cuda-sm90', pool }, reads: [], log: () => undefined },
  } as unknown as CellContext;
}

function request(settings: SiteSettings, id: string) {
  const context = contextOf(settings, id);
  const pending = context.options.parts.map((part) => ({ part, fingerprint: '' }));
  const earlier = { name: 'earlier', spec: {}, writes: [], receipt: '', link: 'earlier' };
  const made = [{ part: earlier, fingerprint: '' }];
  return leaseRequest(context, pending, { made, queuedAtMs: 0, retries: NO_RETRIES });
}

const limit =
  (key: keyof ReturnType<typeof request>['limits']): Observe =>
  (settings) =>
    request(settings, 'mistral-7b-v01.baseline:eval').limits[key];

/** Memory that a kind of cell asks for, once the profile of its model is there. */
function memory(id: string, known: boolean): Observe {
  return (settings) => {
    const path = join(root, 'output/b200/models', id.split('.')[0] ?? '', 'baseline.profile.json');
    mkdirSync(join(path, '..'), { recursive: true });
    const profile = {
      ...{ weights_bytes: 14 * 2 ** 30, hidden_size: 4096, num_layers: 32, num_heads: 32, num_kv_heads: 8 },
      ...{ max_position_embeddings: 32_768, dtype_bytes: 2 },
    };
    if (known) writeFileSync(path, JSON.stringify(profile));
    else rmSync(path, { force: true });
    return request(settings, id).needs;
  };
}

/** Streaming edits reserve what they use: the original script's formulas count only with its plan. */
const byReference =
  (observe: Observe): Observe =>
  (settings, environment) =>
    observe({ ...settings, memoryPlan: 'reference' }, environment);

function job(key: string): Observe {
  return (settings) => {
    const context = contextOf(settings, 'mistral-7b-v01.baseline:eval');
    const attempt = newAttempt(root, context.project, context.target);
    writeJobFile({
      ...{ cell: context.cell, options: context.options, reads: [], parts: [], attempt, remake: false },
      ...{
        storageRoot: settings.storageRoot,
        deviceClass: 'cuda-sm90',
        lease: leaseRecord('x'),
        site: settings,
      },
      threads: settings.threads,
    });
    const { site } = JSON.parse(readFileSync(attempt.job, 'utf8')) as { site: Record<string, unknown> };
    expect(Object.keys(site)).toContain(key);
    return site[key];
  };
}

const pool: Observe = async (settings) => {
  const directory = openLockDirectory(join(root, 'locks'));
  return (await readPool(settings, directory)).map(({ uuid }) => uuid);
};

/** Whether a cell is tried again after so many failures of one cause. */
const failed =
  (cause: 'unavailable' | 'out_of_memory'): Observe =>
  (settings) =>
    decideRetry(
      {
        ...{ kind: 'eval', failures: [cause], batch: 64, gpus: 1, pool: 1, referenceWindows: false },
        adjustment: AS_PLANNED,
      },
      settings,
      0.5,
    ).again;

/** How often the hub is asked for commits. */
const questions: Observe = async (settings, environment) => {
  expect(settings.skipDownloads).toBe(environment.HF_HUB_OFFLINE !== undefined);
  let asked = 0;
  const hub = createServer((_, response) => {
    asked += 1;
    response.end(JSON.stringify({ sha: '0'.repeat(40) }));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => hub.once('listening', resolve));
  const endpoint = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
  await resolveSources(root, parsedSuite(), EMPTY_RECORD, { ...environment, HF_ENDPOINT: endpoint });
  hub.close();
  return asked;
};

const refusal: Observe = async (_, environment) => {
  const before = process.env.RESUME_MODE;
  Object.assign(process.env, environment);
  try {
    const argv = ['node', 'nx', 'run', 'b200.x.baseline:setup'];
    await preTasksExecution(undefined, { workspaceRoot: root, argv, id: 'x', nxJsonConfiguration: {} });
    return 'starts';
  } catch (error) {
    return String(error);
  } finally {
    if (before === undefined) delete process.env.RESUME_MODE;
    else process.env.RESUME_MODE = before;
  }
};

/** What sbatch is told. */
const submitted: Observe = (settings) => {
  const needs = { gpus: 1, gibPerGpu: 1, cpuSlots: 1, ramGiB: 1 };
  const pool = poolFor(needs, [], settings);
  const submission = submissionAt('/w/output/.slurm/c/1');
  return sbatchArguments({ name: 'c', submission, needs, timeoutSeconds: 60, priority: 50, pool }, settings);
};

/** Only a run shows it: the test that does, which names the setting. */
interface Shown {
  by: string;
}

const REACHES: Record<SiteKey, Observe | Shown | 'without effect'> = {
  accelerator: pool,
  visibleDevices: pool,
  gpuIdList: pool,
  numGpus: pool,
  minFreeGiB: limit('minFreeGiB'),
  requireIdle: limit('requireIdle'),
  sharing: limit('sharing'),
  gpuMemoryGiB: memory('mistral-7b-v01.baseline:eval', false),
  gpuMemoryPerDeviceGiB: memory('mistral-7b-v01.baseline:eval', false),
  memoryFraction: job('memory_fraction'),
  memoryToleranceGiB: limit('toleranceGiB'),
  cpuSlots: limit('cpuSlots'),
  engine: (settings) => isRemote(contextOf(settings, 'mistral-7b-v01.baseline:eval')),
  slurmAccount: submitted,
  slurmPartition: submitted,
  slurmQos: submitted,
  slurmExtra: submitted,
  slurmPools: submitted,
  slurmMaxJobs: { by: 'test/support/slurm/engine-bench.ts' },
  slurmPollSeconds: { by: 'test/support/slurm/engine-rig.ts' },
  slurmLeaveJobs: { by: 'test/rig/slurm/engine.test.ts' },
  threads: ({ threads }) => workerEnvironment(root, leaseRecord('x'), threads).OMP_NUM_THREADS,
  strategy: limit('strategy'),
  nvidiaSmiSeconds: limit('nvidiaSmiMs'),
  gpuLocks: limit('gpuLocks'),
  blockedGraceSeconds: 'without effect',
  lockDirectory: { by: 'test/rig/settings.test.ts' },
  memoryPlan: memory('yi-34b.edits:edit', false),
  memoryAdaptive: memory('llama-2-70b-hf.baseline:eval', false),
  loadOverheadGiB: byReference(memory('mistral-7b-v01.baseline:setup', true)),
  editOverheadGiB: byReference(memory('mistral-7b-v01.error_nan_injection:inject', true)),
  batchEditOverheadGiB: byReference(memory('mistral-7b-v01.edits:edit', true)),
  evalOverheadGiB: memory('mistral-7b-v01.baseline:eval', true),
  invarlockOverheadGiB: memory('mistral-7b-v01.baseline:calibrate-1', true),
  evalContextLength: memory('mistral-7b-v01.baseline:eval', true),
  parallelize: job('parallelize'),
  requireFp4Native: job('require_fp4_native'),
  allowNetwork: job('allow_network'),
  storageRoot: (settings) => request(settings, 'mistral-7b-v01.baseline:setup').storageRoot,
  storageKeep: ({ storageKeep }) => isEvictable(storageKeep, 'edit'),
  storageStaging: { by: 'test/rig/staging.test.ts' },
  storageStagingGiB: { by: 'test/rig/staging.test.ts' },
  minFreeDiskGiB: limit('disk'),
  outputDirectory: { by: 'test/rig/settings.test.ts' },
  resume: refusal,
  skipDownloads: questions,
  // Rigs set it; warm.test.ts looks at the hosts.
  warm: { by: 'test/support/rig/workspace.ts' },
  timeoutSeconds: (settings) => timeoutOf(settings, { kind: 'setup', variant: 'baseline', target: 'setup' }),
  notifyWebhook: { by: 'test/monitoring/notify/notify.test.ts' },
  notifyCommand: { by: 'test/monitoring/notify/notify.test.ts' },
  notifyEvents: { by: 'test/monitoring/notify/notify.test.ts' },
  notifyIdleMinutes: { by: 'test/monitoring/notify/notify.test.ts' },
  notifySeconds: { by: 'test/monitoring/notify/notify.test.ts' },
  maxRetries: failed('unavailable'),
  maxOomRetries: failed('out_of_memory'),
  backoffSeconds: (settings) => backoffMs(1, settings, 0.5),
  maxBackoffSeconds: (settings) => backoffMs(9, settings, 0.5),
  deadline: cutMs,
  deadlineMarginSeconds: (settings) => cutMs({ ...settings, deadline: '2001-02-03T04:05:06Z' }),
};

/** The settings and the environment with one setting changed: by its variable, or in the file. */
function changed({ key, variable, type }: SiteRow<unknown>, value: string, by: 'variable' | 'file') {
  const environment = by === 'variable' && variable !== null ? { [variable]: value } : {};
  const [section = '', name] = (key ?? '').split('.');
  const written = type.fromText(value);
  const yaml = name === undefined ? { [section]: written } : { [section]: { [name]: written } };
  writeFileSync(join(root, 'workspace-config/site.yaml'), by === 'file' ? JSON.stringify(yaml) : '');
  return { settings: loadSiteSettings(root, environment), environment };
}

function untouched() {
  writeFileSync(join(root, 'workspace-config/site.yaml'), '');
  return { settings: loadSiteSettings(root, {}), environment: {} };
}

const WAYS = SITE_ROWS.flatMap(([name, row]) => [
  ...(row.variable === null ? [] : [[name, 'variable'] as const]),
  ...(row.key === null ? [] : [[name, 'file'] as const]),
]);

test('every setting can be given in some way', () => {
  expect(new Set(WAYS.map(([name]) => name))).toEqual(new Set(Object.keys(SITE_TABLE)));
});

/** With nothing changed. */
let as: Awaited<ReturnType<typeof hashed>>;
beforeAll(async () => {
  as = await hashed(untouched());
});

describe.each(WAYS)('%s, by %s', (name, by) => {
  const reach = REACHES[name];
  const row: SiteRow<unknown> = SITE_TABLE[name];

  test('is another value, and reaches what it names', async () => {
    const before = untouched();
    const seen = typeof reach === 'function' ? await reach(before.settings, before.environment) : undefined;
    const after = changed(row, OTHER_VALUES[name], by);
    expect(after.settings[name]).not.toEqual(before.settings[name]);
    if (typeof reach === 'function') {
      expect(await reach(after.settings, after.environment)).not.toEqual(seen);
    } else if (typeof reach === 'object') {
      expect(readFileSync(join(REPOSITORY, reach.by), 'utf8')).toContain(row.variable ?? row.key ?? '');
    } else {
      expect(row.meaning).toContain(reach);
    }
  });

  test('changes nothing that Nx hashes or a receipt is compared by', async () => {
    // Another class of device is another result, which is what `accelerator: cpu` asks for.
    const value = name === 'accelerator' ? 'cuda' : OTHER_VALUES[name];
    expect(await hashed(changed(row, value, by))).toEqual(as);
  });
});

/**
 * All that cells' hashes and fingerprints are made of and that a setting could reach: the projects as they would be
 * generated, class of device and versions, and whether a run would be stopped for other identity variables.
 */
async function hashed({ settings, environment }: { settings: SiteSettings; environment: NodeJS.ProcessEnv }) {
  const identity = identityOf(environment);
  const loaded = loadSuite(root, 'b200', identity);
  if (!loaded.ok) throw new Error('b200 has mistakes');
  const files = projectFiles(loaded.value.suite, {
    ...EMPTY_RECORD,
    identity,
    suiteDigest: loaded.value.digest,
  });
  for (const { path, text } of files.slice(0, 1)) writeFileSync(join(root, path), text);
  requireRecorded(root, 'b200', environment);
  const { versions, deviceClass } = await readMachineIdentity(root, {
    ...settings,
    lockDirectory: join(root, 'locks'),
  });
  return { projects: sha256(JSON.stringify(files)), versions, deviceClass };
}

test('accelerator: cpu is another class of device, and so another hash', async () => {
  const { settings } = changed(SITE_TABLE.accelerator, 'cpu', 'file');
  expect(as.deviceClass).toBe('cuda-sm90');
  const { projects, deviceClass } = await hashed({ settings, environment: {} });
  expect({ projects, deviceClass }).toEqual({ projects: as.projects, deviceClass: 'cpu' });
});

describe('time-outs of single tasks', () => {
  const EXAMPLES: Record<(typeof TASK_NAMES)[number], [kind: CellKind, variant: string, target: string]> = {
    FETCH_DATA: ['data', 'hub', 'data'],
    SETUP_BASELINE: ['setup', 'baseline', 'setup'],
    CALIBRATION_RUN: ['calibrate', 'baseline', 'calibrate-1'],
    GENERATE_PRESET: ['preset', 'baseline', 'preset'],
    BASELINE_REPORT: ['baseline', 'baseline', 'baseline-1'],
    EVAL_BASELINE: ['eval', 'baseline', 'eval'],
    CREATE_EDITS_BATCH: ['edit', 'edits', 'edit'],
    CREATE_EDIT: ['edit', 'quant_8bit_clean', 'edit'],
    EVAL_EDIT: ['eval', 'quant_8bit_clean', 'eval'],
    EVAL_MMLU: ['eval', 'quant_8bit_clean', 'eval-mmlu'],
    EVAL_HELLASWAG: ['eval', 'quant_8bit_clean', 'eval-hellaswag'],
    EVAL_ARC: ['eval', 'quant_8bit_clean', 'eval-arc'],
    EVAL_WINOGRANDE: ['eval', 'quant_8bit_clean', 'eval-winogrande'],
    CERTIFY_EDIT: ['certify', 'quant_8bit_clean', 'certify-1'],
    CREATE_ERROR: ['inject', 'error_zero_layer', 'inject'],
    CERTIFY_ERROR: ['certify', 'error_zero_layer', 'certify-1'],
    EVAL_ERROR: ['eval', 'error_zero_layer', 'eval'],
    ADOPT_CHECKPOINT: ['adopt', 'mine', 'adopt'],
    TRUE_BASELINE: ['guards', 'quant_8bit_clean', 'guards'],
    COMPARE_ANSWERS: ['regression', 'quant_8bit_clean', 'regression'],
    CERTIFY_012: ['certify012', 'quant_8bit_clean', 'certify-0.12-1'],
    RUN_PROGRAM: ['program', 'mine', 'program'],
  };

  test.each(TASK_NAMES)('TASK_TIMEOUT_%s is that of its task alone, and changes no hash', async (name) => {
    const environment = { [`TASK_TIMEOUT_${name}`]: '7' };
    const { settings: before } = untouched();
    const settings = loadSiteSettings(root, environment);
    for (const [other, [kind, variant, target]] of Object.entries(EXAMPLES)) {
      expect(taskName(kind, variant, target)).toBe(other);
      const seconds = timeoutOf(settings, { kind, variant, target });
      expect(seconds, other).toBe(other === name ? 7 : before.timeoutSeconds);
    }
    expect(await hashed({ settings, environment })).toEqual(as);
  });
});
