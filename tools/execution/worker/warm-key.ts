// Which warm host may run a job: one whose user, container, limits, interpreter, sources and environment are the job's own.
import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../../base/canonical.js';
import { readIfThere } from '../../base/files.js';
import { installedFlash } from '../../python-env/flash-record.js';
import { PYTHON_LOCK, PYTHON_PACKAGE } from '../../suite/model/python-sources.js';
import type { JsonObject } from '../../base/json-value.js';

export interface WarmKey {
  /** SHA-256 of everything below. */
  key: string;
  /** Of the package's Python files, as validation/warm/__main__.py makes it. */
  sources: string;
}

/** Variables that differ from job to job or terminal to terminal, and that nothing reads while it is imported. */
const OF_ONE_JOB = new Set([
  'CELL_EVENTS_FD',
  'CUDA_VISIBLE_DEVICES',
  'INIT_CWD',
  'MKL_NUM_THREADS',
  'OLDPWD',
  'OMP_NUM_THREADS',
  'OPENBLAS_NUM_THREADS',
  'PWD',
  'SHLVL',
  '_',
]);
const OF_ONE_JOB_PREFIX = /^(NX_|LERNA_|npm_|INVARLOCK_|VALIDATION_|SUITE_|TASK_TIMEOUT_)/;

/** Lines of /proc/self/status a process passes on to its children, and that change what they may do. */
const INHERITED =
  /^(Uid|Gid|Groups|CapEff|NoNewPrivs|Seccomp|Cpus_allowed_list|Mems_allowed_list):[ \t]*(.*)$/gm;

export function warmKey(workspaceRoot: string, command: string, environment: NodeJS.ProcessEnv): WarmKey {
  const sources = digestPackage(join(workspaceRoot, PYTHON_PACKAGE));
  const facts: JsonObject = {
    schema: 1,
    command,
    interpreter: realpathSync(command),
    lock: sha256(readFileSync(join(workspaceRoot, PYTHON_LOCK))),
    // Installed again, if only by force: other files than those that were imported.
    installed: modified(join(workspaceRoot, '.venv', 'validation-lock')),
    ...flashOf(workspaceRoot),
    sources,
    process: inherited(),
    environment: importEnvironment(environment),
    gpu: (environment.CUDA_VISIBLE_DEVICES ?? '') !== '',
  };
  return { key: sha256(canonicalJson(facts)), sources };
}

/** Once imported, transformers looks for it no more. */
function flashOf(workspaceRoot: string): JsonObject {
  const flash = installedFlash(workspaceRoot);
  return flash === undefined ? {} : { flash };
}

/** Everything of an environment that an import may read. */
export function importEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !OF_ONE_JOB.has(entry[0]) && !OF_ONE_JOB_PREFIX.test(entry[0]),
    ),
  );
}

/** The umask of this process, which a forked child would else take from its host. */
export function ownUmask(): number {
  return parseInt(/^Umask:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '22', 8);
}

/** User, container and limits: what a child takes from its parent and cannot be given otherwise. */
function inherited(): JsonObject {
  const status = readFileSync('/proc/self/status', 'utf8');
  const namespaces = readdirSync('/proc/self/ns').map((name) => readlinkSync(`/proc/self/ns/${name}`));
  return {
    status: Object.fromEntries(
      [...status.matchAll(INHERITED)].map(([, name = '', value = '']) => [name, value]),
    ),
    namespaces: namespaces.sort(),
    limits: readFileSync('/proc/self/limits', 'utf8'),
    group: readIfThere('/proc/self/cgroup') ?? '',
    nice: getPriority(),
    outOfMemory: readIfThere('/proc/self/oom_score_adj') ?? '',
  };
}

function digestPackage(root: string): string {
  const lines = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.py'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path.slice(root.length + 1)}\t${sha256(readFileSync(path))}`);
  return sha256(lines.join('\n'));
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
