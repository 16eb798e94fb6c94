// How this site runs: workspace-config/site.yaml and the environment variables over it, as site-table.ts has them.
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { readIfThere } from '../../base/files.js';
import { cores } from '../../host/host.js';
import { CELL_KINDS } from '../model/cell.js';
import { describeIssue, formatDiagnostic, sortDiagnostics } from '../yaml/diagnostics.js';
import { mapping } from '../yaml/schema-parts.js';
import { readVariable } from '../yaml/setting-type.js';
import { SITE_ROWS, TIMEOUT_TYPE, TIMEOUT_VARIABLE, type SiteValues } from './site-table.js';
import { TASK_NAMES } from '../model/task-names.js';
import { nearest } from '../yaml/suggest.js';
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
  const file = readSite(readIfThere(join(workspaceRoot, SITE_FILE)) ?? '', diagnostics);
  const values = {
    ...Object.fromEntries(
      SITE_ROWS.map(([name, row]) => {
        const written = row.key === null ? undefined : at(file, row.key);
        return [name, fromEnvironment(row, environment, diagnostics) ?? written ?? row.default];
      }),
    ),
    taskTimeouts: {
      ...upperCase(at(file, 'timeouts.tasks')),
      ...timeoutVariables(environment, diagnostics),
    },
  } as SiteValues & { taskTimeouts: Record<string, number> };
  if (diagnostics.length > 0) throw new Error(diagnostics.join('\n'));
  const { cpuSlots, threads, lockDirectory, storageRoot, outputDirectory } = values;
  const auto = Math.max(1, Math.floor(cores() / threads));
  return {
    ...values,
    cpuSlots: cpuSlots === 'auto' ? auto : cpuSlots,
    lockDirectory: lockDirectory === 'auto' ? defaultLockDirectory() : resolve(workspaceRoot, lockDirectory),
    storageRoot: resolve(workspaceRoot, storageRoot),
    outputDirectory: outputDirectory === null ? null : resolve(workspaceRoot, outputDirectory),
  };
}

function defaultLockDirectory(): string {
  return join(tmpdir(), `validation-suite-${process.getuid?.() ?? 'user'}`);
}

type SiteFile = Record<string, unknown>;

function readSite(text: string, diagnostics: string[]): SiteFile {
  const { source, diagnostics: syntax } = parseYaml(SITE_FILE, text);
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
