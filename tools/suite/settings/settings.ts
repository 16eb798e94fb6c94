// How this site runs: workspace-config/site.yaml and the environment variables over it, as site-table.ts has them.
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { cores } from '../../host/host.js';
import { slurmJob } from '../../host/slurm.js';
import { CELL_KINDS } from '../model/cell.js';
import { describeIssue, formatDiagnostic, sortDiagnostics } from '../yaml/diagnostics.js';
import { mapping } from '../yaml/schema-parts.js';
import { readVariable } from '../yaml/setting-type.js';
import { contradictions, type GivenSettings } from './contradictions.js';
import {
  SITE_ROWS,
  SITE_TABLE,
  TIMEOUT_TYPE,
  TIMEOUT_VARIABLE,
  type SiteKey,
  type SiteValues,
} from './site-table.js';
import { unknownVariables } from './unknown-variables.js';
import { TASK_NAMES } from '../model/task-names.js';
import { nearest } from '../yaml/suggest.js';
import { readYamlFile } from '../yaml/yaml-file.js';
import { parseYaml } from '../yaml/yaml-source.js';

export interface SiteSettings extends Omit<SiteValues, 'cpuSlots'> {
  cpuSlots: number;
  /** Absolute. */
  lockDirectory: string;
  /** Absolute. */
  storageRoot: string;
  /** Absolute; null: the tree is published nowhere. */
  outputDirectory: string | null;
  /** Seconds by the original script's name of a task or the kind of a cell, upper case; 0 means no limit. See timeoutOf. */
  taskTimeouts: Readonly<Record<string, number>>;
}

export const SITE_FILE = 'workspace-config/site.yaml';

/**
 * Settings of this site. A missing file means defaults.
 *
 * @throws Error listing every mistake: `workspace-config/site.yaml:line:col: …`, `environment variable NAME: …`.
 */
export function loadSiteSettings(
  workspaceRoot: string,
  environment: NodeJS.ProcessEnv = process.env,
): SiteSettings {
  const diagnostics: string[] = [];
  const file = readSite(workspaceRoot, diagnostics);
  diagnostics.push(...unknownVariables(environment));
  const given = givenSettings(file, environment, diagnostics);
  const home = environment.HOME ?? homedir();
  const absolute = (path: string): string => resolve(workspaceRoot, path.replace(/^~(?=\/|$)/, home));
  const values = {
    ...Object.fromEntries(SITE_ROWS.map(([name, row]) => [name, given[name] ?? row.default])),
    taskTimeouts: {
      ...upperCase(at(file, 'timeouts.tasks')),
      ...timeoutVariables(environment, diagnostics),
    },
  } as SiteValues & { taskTimeouts: Record<string, number> };
  diagnostics.push(...contradictions(given, (key) => givenBy(key, environment)));
  if (diagnostics.length > 0) throw new Error(diagnostics.join('\n'));
  const { cpuSlots, threads, lockDirectory, storageRoot, outputDirectory } = values;
  const auto = Math.max(1, Math.floor(cores() / threads));
  return {
    ...values,
    cpuSlots: cpuSlots === 'auto' ? auto : cpuSlots,
    lockDirectory: forJob(
      lockDirectory === 'auto' ? defaultLockDirectory() : absolute(lockDirectory),
      environment,
    ),
    storageRoot: absolute(storageRoot),
    outputDirectory: outputDirectory === null ? null : absolute(outputDirectory),
  };
}

/** What the file or a variable says; a variable goes before the file. */
function givenSettings(file: SiteFile, environment: NodeJS.ProcessEnv, diagnostics: string[]): GivenSettings {
  return Object.fromEntries(
    SITE_ROWS.flatMap(([name, row]) => {
      const written = row.key === null ? undefined : at(file, row.key);
      const value = fromEnvironment(row, environment, diagnostics) ?? written;
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The variable where it is set, else the key in the file. */
function givenBy(name: SiteKey, environment: NodeJS.ProcessEnv): string {
  const { variable, key } = SITE_TABLE[name];
  if (variable !== null && environment[variable] !== undefined) return `environment variable ${variable}`;
  return `${key ?? ''} (${SITE_FILE})`;
}

function defaultLockDirectory(): string {
  return join(tmpdir(), `validation-suite-${process.getuid?.() ?? 'user'}`);
}

/** A Slurm job has one of its own: what it sees of the node's GPUs, no other job sees. */
function forJob(directory: string, environment: NodeJS.ProcessEnv): string {
  const job = slurmJob(environment);
  return job === undefined ? directory : `${directory}-${job.view}`;
}

type SiteFile = Record<string, unknown>;

function readSite(workspaceRoot: string, diagnostics: string[]): SiteFile {
  const text = readYamlFile(join(workspaceRoot, SITE_FILE));
  if (!text.ok && text.error.reason === 'unreadable') {
    diagnostics.push(formatDiagnostic({ file: SITE_FILE, line: 1, col: 1, message: text.error.message }));
    return {};
  }
  const { source, diagnostics: syntax } = parseYaml(SITE_FILE, text.ok ? text.value : '');
  const parsed = siteSchema().safeParse(source.value ?? {});
  const found =
    syntax.length > 0
      ? syntax
      : (parsed.error?.issues ?? []).flatMap((issue) => describeIssue(source, issue));
  diagnostics.push(...sortDiagnostics(found).map(formatDiagnostic));
  return found.length === 0 && parsed.success ? parsed.data : {};
}

function siteSchema(): z.ZodType<SiteFile> {
  const top: Record<string, z.ZodType> = {};
  const sections = new Map<string, Record<string, z.ZodType>>();
  for (const [, { key, type }] of SITE_ROWS) {
    if (key === null) continue;
    const [section = '', name] = key.split('.');
    if (name === undefined) top[section] = type.schema.optional();
    else sections.set(section, { ...sections.get(section), [name]: type.schema.optional() });
  }
  const tasks = Object.fromEntries(
    TIMEOUT_NAMES.map((name) => [name.toLowerCase(), TIMEOUT_TYPE.schema.optional()]),
  );
  sections.set('timeouts', { ...sections.get('timeouts'), tasks: mapping(tasks, 'seconds').optional() });
  for (const [section, shape] of sections) top[section] = mapping(shape).optional();
  return mapping(top);
}

const TIMEOUT_NAMES: readonly string[] = [...TASK_NAMES, ...CELL_KINDS.map((kind) => kind.toUpperCase())];

function at(file: SiteFile, key: string): unknown {
  const [section = '', name] = key.split('.');
  const found = file[section];
  return name === undefined ? found : (found as SiteFile | undefined)?.[name];
}

function upperCase(tasks: unknown): Record<string, number> {
  const entries = Object.entries((tasks ?? {}) as Record<string, number>);
  return Object.fromEntries(entries.map(([name, value]) => [name.toUpperCase(), value]));
}

/** An unset or empty variable means "not given", unless its row says what empty means; any other value must parse. */
function fromEnvironment(
  { variable, type, empty }: (typeof SITE_ROWS)[number][1],
  environment: NodeJS.ProcessEnv,
  diagnostics: string[],
): unknown {
  const text = variable === null ? undefined : environment[variable];
  if (text === undefined || variable === null) return undefined;
  if (text.trim() === '') return empty;
  const read = readVariable(variable, type, text);
  if (read.ok) return read.value;
  diagnostics.push(read.error);
  return undefined;
}

function timeoutVariables(environment: NodeJS.ProcessEnv, diagnostics: string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, text] of Object.entries(environment)) {
    const task = TIMEOUT_VARIABLE.exec(name)?.[1];
    if (task === undefined || task === 'DEFAULT' || text === undefined) continue;
    if (!TIMEOUT_NAMES.includes(task) && !/^EVAL_\w+$/.test(task)) {
      const near = nearest(task, TIMEOUT_NAMES);
      const hint = near === undefined ? '' : `; did you mean TASK_TIMEOUT_${near}?`;
      diagnostics.push(
        `environment variable ${name}: no such task${hint} Allowed: ${TIMEOUT_NAMES.map((one) => `TASK_TIMEOUT_${one}`).join(', ')}, TASK_TIMEOUT_EVAL_<BENCHMARK>`,
      );
      continue;
    }
    const read = readVariable(name, TIMEOUT_TYPE, text.trim() === '' ? '0' : text);
    if (read.ok) found[task] = read.value;
    else diagnostics.push(read.error);
  }
  return found;
}
