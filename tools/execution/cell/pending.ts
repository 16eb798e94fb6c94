// The parts of a cell that have no valid receipt, and the inputs their fingerprints are made of.
import { Fault } from '../../base/fault.js';
import { mayGo } from '../../suite/model/keep.js';
import { pythonSources } from '../../suite/model/python-sources.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { digestSources, fingerprint } from '../records/fingerprint.js';
import type { PendingPart } from '../records/pending-part.js';
import { reasonToRun } from '../records/receipt.js';
import { resolveReads, type ResolvedRead } from '../records/reads.js';
import type { CellContext, CellRun } from './context.js';

export async function readInputs(run: CellRun, settings: SiteSettings): Promise<ResolvedRead[]> {
  return resolveReads(run.workspaceRoot, settings.storageRoot, run.options.reads);
}

/** Ends a cell whose inputs were replaced while Python read them: its results would vouch for files it never saw. */
export async function requireSameInputs(context: CellContext): Promise<void> {
  const now = await readInputs(context, context.settings);
  const changed = now.filter(
    ({ name, sha256 }) => context.reads.find((read) => read.name === name)?.sha256 !== sha256,
  );
  if (changed.length === 0) return;
  const names = changed.map(({ declared }) => declared).join(', ');
  throw new Fault(
    'bad_input',
    `${names} changed while the cell ran`,
    'Run it again once nothing else writes there.',
  );
}

function fingerprintParts({
  workspaceRoot,
  options,
  reads,
  versions,
  deviceClass,
}: CellContext): PendingPart[] {
  const { kind } = options;
  const sources = digestSources(workspaceRoot, pythonSources(kind));
  const digests = Object.fromEntries(reads.map(({ name, sha256 }) => [name, sha256]));
  return options.parts.map((part) => ({
    part,
    fingerprint: fingerprint({ kind, spec: part.spec, reads: digests, sources, versions, deviceClass }),
  }));
}

/** Parts without a receipt that stands, and why. */
export async function pendingParts(context: CellContext, announce: boolean): Promise<PendingPart[]> {
  const { workspaceRoot, settings, options } = context;
  const wanted = context.weightsWanted === true || !mayGo(settings.storageKeep, options.kind);
  const pending: PendingPart[] = [];
  for (const candidate of fingerprintParts(context)) {
    const { part } = candidate;
    const reason = context.forced
      ? '--skip-nx-cache was given'
      : await reasonToRun(workspaceRoot, settings.storageRoot, part, candidate.fingerprint, wanted);
    if (reason === undefined) continue;
    pending.push(candidate);
    if (announce) context.say(`${context.options.parts.length > 1 ? `${part.name}: ` : ''}runs: ${reason}`);
  }
  return pending;
}
