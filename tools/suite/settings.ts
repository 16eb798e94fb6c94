// How this site runs: workspace-config/site.yaml and the environment variables that override it. In no hash.
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { readIfThere } from '../base/files.js';

const auto = z.literal('auto');

const siteSchema = z.strictObject({
  accelerator: z.enum(['auto', 'cpu', 'cuda']).default('auto'),
  gpus: z
    .strictObject({ min_free_gib: z.number().min(0).default(10), require_idle: z.boolean().default(true) })
    .prefault({}),
  cpu: z
    .strictObject({
      slots: z.union([auto, z.number().int().min(1)]).default('auto'),
      threads: z.number().int().min(1).default(1),
    })
    .prefault({}),
  leases: z.strictObject({ directory: z.string().min(1).default('auto') }).prefault({}),
  storage: z.strictObject({ root: z.string().min(1).default('.weights') }).prefault({}),
  timeouts: z.strictObject({ default_s: z.number().min(0).default(21_600) }).prefault({}),
});

export interface SiteSettings {
  accelerator: 'auto' | 'cpu' | 'cuda';
  minFreeGiB: number;
  requireIdle: boolean;
  cpuSlots: number;
  threads: number;
  /** Absolute. */
  lockDirectory: string;
  /** Absolute. */
  storageRoot: string;
  /** Seconds; 0 means no limit. */
  timeoutSeconds: number;
}

const SITE_FILE = 'workspace-config/site.yaml';

/**
 * Settings of this site. A missing file means defaults.
 *
 * @throws Error listing every mistake as `workspace-config/site.yaml:line:col: …`.
 */
export function loadSiteSettings(
  workspaceRoot: string,
  environment: NodeJS.ProcessEnv = process.env,
): SiteSettings {
  const site = parseSite(readIfThere(join(workspaceRoot, SITE_FILE)) ?? '');
  const threads = site.cpu.threads;
  const slots =
    site.cpu.slots === 'auto' ? Math.max(1, Math.floor(availableParallelism() / threads)) : site.cpu.slots;
  const named = environment.VALIDATION_LOCK_DIR ?? '';
  const directory = named === '' ? site.leases.directory : named;
  return {
    accelerator: site.accelerator,
    minFreeGiB: fromEnvironment(environment, 'GPU_MIN_FREE_GB', toNumber) ?? site.gpus.min_free_gib,
    requireIdle: fromEnvironment(environment, 'GPU_REQUIRE_IDLE', toBoolean) ?? site.gpus.require_idle,
    cpuSlots: slots,
    threads,
    lockDirectory: directory === 'auto' ? defaultLockDirectory() : resolve(workspaceRoot, directory),
    storageRoot: resolve(workspaceRoot, site.storage.root),
    timeoutSeconds: fromEnvironment(environment, 'TASK_TIMEOUT_DEFAULT', toNumber) ?? site.timeouts.default_s,
  };
}

function defaultLockDirectory(): string {
  return join(tmpdir(), `validation-suite-${process.getuid?.() ?? 'user'}`);
}

function parseSite(text: string): z.infer<typeof siteSchema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${SITE_FILE}:${line}:${col}`;
  };
  const [syntax] = document.errors;
  if (syntax !== undefined)
    throw new Error(`${at(syntax.pos[0])}: ${syntax.message.split('\n')[0] ?? 'not YAML'}`);
  const parsed = siteSchema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map((issue) => {
    const node = document.getIn(issue.path as string[], true) as
      { range?: [number, number, number] } | undefined;
    return `${at(node?.range?.[0] ?? 0)}: ${issue.path.join('.') || 'the file'}: ${issue.message}`;
  });
  throw new Error(mistakes.join('\n'));
}

/** An unset or empty variable means "not given"; any other value must parse. */
function fromEnvironment<T>(
  environment: NodeJS.ProcessEnv,
  name: string,
  parse: (text: string) => T | string,
): T | undefined {
  const text = environment[name];
  if (text === undefined || text === '') return undefined;
  const value = parse(text);
  if (typeof value === 'string') throw new Error(`environment variable ${name}: "${text}" is not ${value}`);
  return value;
}

function toNumber(text: string): number | string {
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : 'a number of 0 or more';
}

function toBoolean(text: string): boolean | string {
  if (/^(true|1)$/i.test(text)) return true;
  return /^(false|0)$/i.test(text) ? false : 'true or false';
}
