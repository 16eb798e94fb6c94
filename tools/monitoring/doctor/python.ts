// What only Python can tell: versions, CUDA as torch sees it, lm-eval's tasks, the hub, the windows that exist.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { readIfThere } from '../../base/files.js';
import { canonicalJson, sha256 } from '../../base/canonical.js';
import type { CellKind, CellOptions, CellPart } from '../../suite/model/cell.js';
import type { JsonObject, JsonValue } from '../../base/json-value.js';
import { PYTHON_LOCK } from '../../suite/model/python-sources.js';
import { packageOf, WEIGHT_FORMATS } from '../../suite/model/weight-formats.js';
import type { Driver } from './driver.js';
import { error, ok, type Finding } from './finding.js';
import { windowsQuestions } from './windows.js';

const TIMEOUT_MS = 180_000;
/** Counting the windows of one model, twice what a slow core took. */
const TIMEOUT_PER_MODEL_MS = 120_000;
/** Loading one benchmark: MMLU's 57 subjects took over a minute on a busy machine, beside lm-eval's own index. */
const TIMEOUT_PER_BENCHMARK_MS = 180_000;
const MEND = 'Run: npx nx run tools:python-env --force';

const findingSchema = z.object({
  level: z.enum(['ok', 'warning', 'error']),
  what: z.string(),
  message: z.string(),
  fix: z.string().default(''),
});

export function environment(workspaceRoot: string): Finding[] {
  const python = join(workspaceRoot, '.venv', 'bin', 'python');
  if (!existsSync(python)) return [error('Python', '.venv is not there', 'Run: npx nx run tools:python-env')];
  const lock = readIfThere(join(workspaceRoot, PYTHON_LOCK));
  if (lock === undefined)
    return [error('Python', `${PYTHON_LOCK} is missing`, `Run: git checkout -- ${PYTHON_LOCK}`)];
  const installed = readIfThere(join(workspaceRoot, '.venv', 'validation-lock'))?.trim();
  return installed === sha256(lock)
    ? [ok('packages', `.venv is as ${PYTHON_LOCK} says`)]
    : [error('packages', `.venv is not as ${PYTHON_LOCK} says`, MEND)];
}

/** What Python is told beside the suite. */
export interface Known {
  offline: boolean;
  driver: Driver | undefined;
  /** Directories in the store by the receipt of what lies there (stored-parts.ts). */
  stored: ReadonlyMap<string, string>;
}

/** Ask validation/doctor/__main__.py, which answers a JSON object a line. */
export async function askPython(
  workspaceRoot: string,
  cells: readonly CellOptions[],
  { offline, driver, stored }: Known,
): Promise<Finding[]> {
  const asked = questions(workspaceRoot, cells, stored);
  const looks = asked.models.length + asked.checkpoints.length;
  const timeout = TIMEOUT_MS + looks * TIMEOUT_PER_MODEL_MS + asked.tasks.length * TIMEOUT_PER_BENCHMARK_MS;
  const { stdout, exitCode, stderr, timedOut } = await execa(
    join(workspaceRoot, '.venv', 'bin', 'python'),
    ['-m', 'validation.doctor'],
    {
      cwd: workspaceRoot,
      input: JSON.stringify({ ...asked, offline, driver: driver ?? null }),
      env: {
        PYTHONPATH: join(workspaceRoot, 'tools', 'python'),
        NX_WORKSPACE_ROOT: workspaceRoot,
        PYTHONDONTWRITEBYTECODE: '1',
        ...(offline ? { HF_HUB_OFFLINE: '1' } : {}),
      },
      timeout,
      reject: false,
    },
  );
  const findings = stdout.split('\n').flatMap((line) => {
    try {
      return findingSchema.parse(JSON.parse(line));
    } catch {
      return [];
    }
  });
  if (exitCode === 0) return findings;
  const why = timedOut ? `no answer in ${timeout / 1000} s` : (stderr.trim().split('\n').at(-1) ?? 'no word');
  return [...findings, error('Python', `its checks ended badly: ${why}`, MEND)];
}

function questions(
  workspaceRoot: string,
  cells: readonly CellOptions[],
  stored: ReadonlyMap<string, string>,
) {
  const parts = cells.flatMap(({ model, kind, parts: own }) => own.map((part) => ({ ...part, model, kind })));
  const reads = cells.flatMap((cell) => cell.reads);
  const tasksAt = reads.find(({ name }) => name === 'tasks')?.path;
  const included = reads.filter(({ name }) => name.startsWith('included-')).map(({ path }) => path);
  const data = dataOf(cells, stored);
  return {
    models: parts
      .filter(({ kind }) => kind === 'setup')
      .map(({ model, spec, receipt }) => ({
        name: model,
        source: spec.source ?? null,
        trust_remote_code: spec.trust_remote_code === true,
        edits: parts
          .filter((each) => each.kind === 'edit' && each.model === model)
          .map((each) => ({ name: each.name, spec: each.spec })),
        stored: stored.has(receipt),
      })),
    checkpoints: parts
      .filter(({ kind }) => kind === 'adopt')
      .map(({ model, name, spec, receipt }) => ({
        model,
        name,
        source: spec.source ?? null,
        trust_remote_code: spec.trust_remote_code === true,
        ...{ as: spec.as ?? null, format: spec.format ?? null },
        stored: stored.has(receipt),
        baseline: baselineOf(parts, model, stored),
      })),
    formats: parts.flatMap(formatsOf),
    tasks: benchmarksOf(cells, data),
    trust_task_code: parts.some(({ spec }) => spec.trust_task_code === true),
    include_path: tasksAt === undefined ? null : join(workspaceRoot, tasksAt),
    included: [...new Set(included)].map((path) => resolve(workspaceRoot, path)),
    datasets: distinct(parts.flatMap(({ spec }) => datasetOf(spec, data))),
    windows: windowsQuestions(workspaceRoot, cells).map((question) => ({
      ...question,
      ...dataFor(datasetOf({ invarlock: question.invarlock }, data)[0]?.provider, data),
    })),
  };
}

/** Of an edit that is evaluated in its quantized format: what runs it. */
function formatsOf({ kind, model, name, spec }: CellPart & { model: string; kind: CellKind }): JsonObject[] {
  const format = WEIGHT_FORMATS.find((known) => known === spec.format);
  if (format === undefined) return [];
  const what = `${kind === 'program' ? 'program' : 'checkpoint'} ${name} of ${model}`;
  return [{ what, format, package: packageOf(format) }];
}

/** What a checkpoint is compared with: where the model comes from, and where the store has it. */
function baselineOf(
  parts: readonly (CellPart & { model: string; kind: CellKind })[],
  model: string,
  stored: ReadonlyMap<string, string>,
): JsonObject {
  const setup = parts.find((part) => part.kind === 'setup' && part.model === model);
  return { source: setup?.spec.source ?? null, stored: stored.get(setup?.receipt ?? '') ?? null };
}

/** By the name of the task or provider: the commits that it is fetched at, and where it lies if it has been. */
type Data = ReadonlyMap<JsonValue, { revisions: JsonValue; stored: string | null }>;

function dataOf(cells: readonly CellOptions[], stored: ReadonlyMap<string, string>): Data {
  const parts = cells.flatMap(({ kind, parts: own }) => (kind === 'data' ? own : []));
  return new Map(
    parts.map(({ spec, receipt }) => [
      spec.task ?? spec.provider ?? null,
      { revisions: spec.revisions ?? {}, stored: stored.get(receipt) ?? null },
    ]),
  );
}

function dataFor(name: JsonValue | undefined, data: Data): JsonObject {
  return { ...(data.get(name ?? null) ?? { revisions: {}, stored: null }) };
}

/** Each with the examples that go before its questions: they are loaded too. */
function benchmarksOf(cells: readonly CellOptions[], data: Data): JsonObject[] {
  return distinct(
    cells
      .flatMap(({ parts }) => parts)
      .flatMap(({ spec }) => (Array.isArray(spec.benchmarks) ? spec.benchmarks : []))
      .flatMap((one) =>
        isObject(one)
          ? [{ task: one.task ?? null, fewshot: one.fewshot ?? 0, ...dataFor(one.task, data) }]
          : [],
      ),
  );
}

function datasetOf({ invarlock }: { invarlock?: JsonValue }, data: Data): JsonObject[] {
  const dataset = isObject(invarlock) ? invarlock.dataset : undefined;
  if (!isObject(dataset)) return [];
  const { provider = null, split = null } = dataset;
  return [{ provider, split, ...dataFor(provider, data) }];
}

function distinct(values: readonly JsonObject[]): JsonObject[] {
  return [...new Map(values.map((value) => [canonicalJson(value), value])).values()];
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
