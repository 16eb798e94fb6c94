// Which receipts no longer stand for their cells as they are planned now: a verdict must not judge yesterday's edit.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CellOptions, CellPart } from '../../suite/model/cell.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { pythonSources } from '../../suite/model/python-sources.js';
import { messageOf } from '../../base/message.js';
import { alteredResult, readReceipt, type Receipt } from './receipt.js';
import { digestSources, fingerprint } from './fingerprint.js';
import { readVersions, versionsBeside, versionsOf } from './identity.js';
import { digestRead } from './reads.js';

/**
 * `stale`: it is of other parameters, inputs, code or versions; `altered`: a result has other bytes than it had when the
 * cell ended; `absent`: a result is gone.
 */
export interface Outdated {
  reason: 'stale' | 'altered' | 'absent';
  detail: string;
}

/** Another run may be restoring results at this moment, which is not atomic: what looks altered is looked at again. */
const SECOND_LOOK_MS = 200;

interface PlannedPart {
  cell: PlannedCell;
  part: CellPart;
}

/**
 * Reasons by receipt path, for receipts that are there but outdated: other parameters, inputs, code or versions than
 * now, altered results, or inputs made by a cell that is itself outdated. The device class is taken from the receipt:
 * a verdict may be made on another machine than its results.
 *
 * @param receiptAt the receipts as they were read, by path.
 */
export async function outdatedReceipts(
  workspaceRoot: string,
  cells: readonly PlannedCell[],
  receiptAt: (path: string) => Receipt | undefined,
): Promise<ReadonlyMap<string, Outdated>> {
  const planned = cells.flatMap((cell) => cell.parts.map((part): PlannedPart => ({ cell, part })));
  const makers = new Map(planned.flatMap((one) => one.part.writes.map(({ path }) => [path, one] as const)));
  const versions = readVersions(workspaceRoot);
  const sources = memoize((kind: CellOptions['kind']) => digestSources(workspaceRoot, pythonSources(kind)));
  const digests = memoize(async (key: string) => {
    const [as, path] = key.split('\t') as [CellOptions['reads'][number]['as'], string];
    const digest = await digestRead(workspaceRoot, { name: path, path, as });
    return digest.ok ? digest.value : 'missing';
  });
  const stateOf = memoize((one: PlannedPart) => examine(one));

  async function examine({ cell, part }: PlannedPart): Promise<Outdated | undefined> {
    const receipt = receiptAt(part.receipt);
    if (receipt === undefined) return undefined;
    for (const { path } of cell.reads) {
      const maker = makers.get(path);
      if (maker === undefined) continue;
      const finished = receiptAt(maker.part.receipt) !== undefined;
      if (!finished || (await stateOf(maker)) !== undefined) {
        return { reason: 'stale', detail: `${path}, which it reads, is outdated` };
      }
    }
    const stale = await mismatch(cell, part, receipt);
    if (stale !== undefined) return { reason: 'stale', detail: stale };
    if ((await alteredResult(workspaceRoot, receipt)) === undefined) return undefined;
    await sleep(SECOND_LOOK_MS);
    return alteredResult(workspaceRoot, readReceipt(join(workspaceRoot, part.receipt)) ?? receipt);
  }

  async function mismatch(
    { kind, reads }: PlannedCell,
    { spec }: CellPart,
    receipt: Receipt,
  ): Promise<string | undefined> {
    const now = fingerprint({
      kind,
      spec,
      reads: Object.fromEntries(
        await Promise.all(
          reads.map(async ({ name, as, path }) => [name, await digests(`${as}\t${path}`)] as const),
        ),
      ),
      sources: sources(kind),
      versions: versionsOf(kind, versionsBeside(versions, receipt.versions)),
      deviceClass: receipt.deviceClass,
    });
    return now === receipt.fingerprint
      ? undefined
      : 'its parameters, inputs, code or versions changed since it ran';
  }

  const reasons = await Promise.all(
    planned.map(async (one) => [one.part.receipt, await stateOf(one).catch(asStale)] as const),
  );
  return new Map(
    reasons.flatMap(([path, reason]) => (reason === undefined ? [] : [[path, reason] as const])),
  );
}

function asStale(error: unknown): Outdated {
  return { reason: 'stale', detail: messageOf(error) };
}

function memoize<K, V>(compute: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    const value = known.get(key) ?? compute(key);
    known.set(key, value);
    return value;
  };
}
