// The pending parts of a cell: those without a receipt that stands. A cell without any is finished.
import { isEvictable } from '../../suite/model/keep.js';
import { pythonSources } from '../../suite/model/python-sources.js';
import type { LeaseRecord } from '../lease/directory/records.js';
import { digestSources, fingerprint } from '../records/fingerprint.js';
import type { PendingPart } from '../records/pending-part.js';
import { reasonToRun } from '../records/receipt.js';
import type { CellContext } from './context.js';

/** @param announce told why each of them runs. */
export async function pendingParts(
  context: CellContext,
  announce?: (line: string) => void,
): Promise<PendingPart[]> {
  const { workspaceRoot, settings, options, forced } = context;
  const wanted = context.weightsWanted === true || !isEvictable(settings.storageKeep, options.kind);
  const pending: PendingPart[] = [];
  for (const candidate of fingerprintParts(context)) {
    const { part } = candidate;
    const reason = forced
      ? '--skip-nx-cache was given'
      : await reasonToRun(workspaceRoot, settings.storageRoot, part, candidate.fingerprint, wanted);
    if (reason === undefined) continue;
    pending.push(candidate);
    announce?.(`${options.parts.length > 1 ? `${part.name}: ` : ''}runs: ${reason}`);
  }
  return pending;
}

/** Those that this run has not made yet: a forced run must not make them again at each pass. */
export function without(parts: readonly PendingPart[], made: readonly PendingPart[]): PendingPart[] {
  return parts.filter(({ part }) => !made.some((one) => one.part.name === part.name));
}

/** Of a batch the parts there is disk for; of everything else all. */
export function grantedParts(open: readonly PendingPart[], { parts }: LeaseRecord): readonly PendingPart[] {
  return parts.length === 0 ? open : open.filter(({ part }) => parts.includes(part.name));
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
