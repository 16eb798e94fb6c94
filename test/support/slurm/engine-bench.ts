// The engine `slurm` itself under test, without nx: work goes to real jobs of a cluster, whose entry does what it is told.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { runWork, type EngineFailure } from '../../../tools/execution/engine/engine.js';
import { slurmEngine } from '../../../tools/execution/engine/slurm/slurm.js';
import { openLockDirectory } from '../../../tools/execution/lease/directory/lock-directory.js';
import type { Result } from '../../../tools/base/result.js';
import { loadSiteSettings } from '../../../tools/suite/settings/settings.js';
import { notesOf, type Said, type Task } from '../engine/contract.js';
import { setEnvironment } from '../environment.js';
import { REPOSITORY } from '../repository.js';
import { Cluster } from './cluster.js';

export interface JobTask extends Task {
  eatMiB?: number;
  exit?: number;
}

/** A cluster with a bench for the tests of a block, from before the first to after the last. */
export function startedBench(): { readonly cluster: Cluster; readonly bench: EngineBench } {
  let cluster: Cluster;
  let bench: EngineBench;
  beforeAll(async () => {
    cluster = await Cluster.start();
    bench = new EngineBench(cluster);
  }, 180_000);
  afterAll(async () => {
    bench[Symbol.dispose]();
    await cluster[Symbol.asyncDispose]();
  }, 60_000);
  return {
    get cluster() {
      return cluster;
    },
    get bench() {
      return bench;
    },
  };
}

export class EngineBench implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'validation-engine-'));
  readonly #environment: Disposable;
  readonly notes = join(this.#root, 'notes');
  readonly directory = openLockDirectory(join(this.#root, 'locks'));

  constructor(readonly cluster: Cluster) {
    mkdirSync(join(this.#root, 'output'));
    this.#environment = setEnvironment(cluster.env);
  }

  engine(maxJobs = 100) {
    const most = { VALIDATION_SLURM_MAX_JOBS: String(maxJobs) };
    const settings = { ...loadSiteSettings(this.#root, most), slurmPollSeconds: 0.5 };
    return slurmEngine({
      ...{ workspace: this.#root, directory: this.directory, settings },
      pools: [{ name: 'default', gpuGiB: [80, 80] }],
      poolFor: () => ({ name: 'default' }),
      entry: join(REPOSITORY, 'test/support/slurm/job-entry.mjs'),
      onChange: () => undefined,
    });
  }

  run(
    task: JobTask,
    {
      maxJobs = 100,
      signal = new AbortController().signal,
      lines = [],
    }: { maxJobs?: number; signal?: AbortSignal; lines?: string[] } = {},
  ): Promise<Result<Said, EngineFailure>> {
    const needs = { gpus: task.gpus, gibPerGpu: 1, cpuSlots: 1, ramGiB: 0 };
    const said = { ok: task.fails !== true };
    const elsewhere = {
      work: { ...task, notes: this.notes, said },
      ...{ limit: { seconds: 0, isMeasured: false }, identity: JSON.stringify(task) },
      parse: (value: unknown) => ({ value: value as Said, isDone: (value as Said).ok }),
    };
    const asked = { cell: task.key, needs, standing: { suite: 's', base: 50 } };
    const log = (line: string): void => void lines.push(line);
    return runWork<Said, 'elsewhere'>(this.engine(maxJobs), { asked, elsewhere, log }, signal);
  }

  hasStarted(key: string): boolean {
    return notesOf(this.notes, key).length > 0;
  }

  [Symbol.dispose](): void {
    this.#environment[Symbol.dispose]();
    rmSync(this.#root, { recursive: true, force: true });
  }
}
