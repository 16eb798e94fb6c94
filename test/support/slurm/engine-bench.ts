// The engine `slurm` itself under test, without nx: work goes to real jobs of a cluster, whose entry does what it is told.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runWork, type EngineFailure } from '../../../tools/execution/engine/engine.js';
import { slurmEngine } from '../../../tools/execution/engine/slurm/slurm.js';
import { openLockDirectory } from '../../../tools/execution/lease/directory/lock-directory.js';
import type { Result } from '../../../tools/base/result.js';
import { loadSiteSettings } from '../../../tools/suite/settings/settings.js';
import { notesOf, type Said, type Task } from '../engine/contract.js';
import { REPOSITORY } from '../repository.js';
import type { Cluster } from './cluster.js';

export interface JobTask extends Task {
  eatMiB?: number;
  exit?: number;
}

export class EngineBench implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'validation-engine-'));
  readonly #before = { ...process.env };
  readonly notes = join(this.#root, 'notes');
  readonly directory = openLockDirectory(join(this.#root, 'locks'));

  constructor(readonly cluster: Cluster) {
    mkdirSync(join(this.#root, 'output'));
    Object.assign(process.env, cluster.env);
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
    process.env = this.#before;
    rmSync(this.#root, { recursive: true, force: true });
  }
}
