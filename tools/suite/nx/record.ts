// What a suite's project records of its making: suite.yaml's digest, identity variables, commits of hub revisions, sizes of models.
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere } from '../../base/files.js';
import { asCommandPrefix, changedVariables, identityOf, type Identity } from '../settings/identity.js';
import { unknownVariables } from '../settings/unknown-variables.js';
import { ourSide } from './conflict.js';
import { requireInStep } from './in-step.js';
import { loadSuite } from '../load/load.js';
import { formatDiagnostic } from '../yaml/diagnostics.js';
import { suiteDirectory } from '../model/paths.js';

export interface SuiteRecord {
  identity: Identity;
  /** Commit by `<hub id>@<revision as written>`. */
  commits: Readonly<Record<string, string>>;
  /** Bytes of a model's weights at its source, by `<hub id>@<revision as written>` or path. */
  sizes: Readonly<Record<string, number>>;
  /** Of the suite.yaml it was made from; empty in projects of an earlier version. */
  suiteDigest: string;
}

export const EMPTY_RECORD: SuiteRecord = { identity: {}, commits: {}, sizes: {}, suiteDigest: '' };

const texts = z.record(z.string(), z.string());
const projectSchema = z.object({
  metadata: z.object({
    identity: texts.default({}),
    commits: texts.default({}),
    sizes: z.record(z.string(), z.number().positive()).default({}),
    suiteDigest: z.string().default(''),
  }),
});

/** The record in a suite's project.json, our side of one with conflict markers; empty for one that has none or is torn. */
export function parseRecord(projectJson: string | undefined): SuiteRecord {
  try {
    return projectSchema.parse(JSON.parse(ourSide(projectJson ?? ''))).metadata;
  } catch {
    return EMPTY_RECORD;
  }
}

export function readRecord(workspaceRoot: string, suite: string): SuiteRecord {
  return parseRecord(readIfThere(join(workspaceRoot, suiteDirectory(suite), 'project.json')));
}

/**
 * Compares suite.yaml and the identity variables of this run with what the projects were made from; a variable that says
 * the same in other words is no change.
 *
 * @throws Error with the command to give when the cells were made from another suite.yaml or with other values than this
 * run asks for.
 */
export function requireRecorded(workspaceRoot: string, suite: string, environment: NodeJS.ProcessEnv): void {
  const unknown = unknownVariables(environment);
  if (unknown.length > 0) throw new Error(unknown.join('\n'));
  const given = identityOf(environment);
  const record = readRecord(workspaceRoot, suite);
  requireInStep(workspaceRoot, suite, record);
  const changed = changedVariables(record.identity, given);
  if (changed.length === 0) return;
  const asked = { ...record.identity, ...given };
  const wanted = loadSuite(workspaceRoot, suite, asked);
  if (!wanted.ok) throw new Error(wanted.error.map(formatDiagnostic).join('\n'));
  const made = loadSuite(workspaceRoot, suite, record.identity);
  if (made.ok && JSON.stringify(made.value.suite) === JSON.stringify(wanted.value.suite)) return;
  const lines = changed.map((name) => {
    const before = record.identity[name];
    const how = before === undefined ? 'without it' : `with ${JSON.stringify(before)}`;
    return `environment variable ${name} is ${JSON.stringify(given[name])}; suite ${suite} was made ${how}.`;
  });
  throw new Error(
    [
      ...lines,
      `What comes out depends on it, so the cells must be made anew: ${asCommandPrefix(asked)}npx nx g ./tools:suite ${suite}`,
      `Or run what was made: unset ${changed.join(' ')}`,
    ].join('\n'),
  );
}
