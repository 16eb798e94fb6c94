// What setups and the data cell have in the weights store already, as the next run would find it: nobody is asked for that again.
import { join } from 'node:path';
import { readIfThere } from '../../base/files.js';
import { digestSources, fingerprint } from '../../execution/records/fingerprint.js';
import { readVersions, versionsOf } from '../../execution/records/identity.js';
import { recipeOf } from '../../execution/records/manifest.js';
import { digestRead } from '../../execution/records/reads.js';
import { reasonToRun } from '../../execution/records/receipt.js';
import type { CellKind } from '../../suite/model/cell.js';
import { pythonSources } from '../../suite/model/python-sources.js';
import type { PlannedCell } from '../../suite/plan/planned.js';

const KINDS: readonly CellKind[] = ['setup', 'data', 'adopt'];

/** Directories in the store by the receipt of the part, of parts whose receipts stand and whose files are whole. */
export async function storedParts(
  workspaceRoot: string,
  storageRoot: string,
  cells: readonly PlannedCell[],
): Promise<ReadonlyMap<string, string>> {
  const versions = readVersions(workspaceRoot);
  const stored = new Map<string, string>();
  for (const { kind, reads, parts } of cells.filter((cell) => KINDS.includes(cell.kind))) {
    const digests: Record<string, string> = {};
    for (const read of reads) {
      const digest = await digestRead(workspaceRoot, read);
      digests[read.name] = digest.ok ? digest.value : '';
    }
    const sources = digestSources(workspaceRoot, pythonSources(kind));
    const of = { kind, reads: digests, sources, versions: versionsOf(kind, versions), deviceClass: 'cpu' };
    for (const part of parts) {
      const now = fingerprint({ ...of, spec: part.spec });
      if ((await reasonToRun(workspaceRoot, storageRoot, part, now)) !== undefined) continue;
      const manifest = part.writes.find(({ file }) => file === 'manifest.json');
      const recipe = recipeOf(readIfThere(join(workspaceRoot, manifest?.path ?? '')) ?? '');
      if (recipe !== undefined) stored.set(part.receipt, join(storageRoot, recipe));
    }
  }
  return stored;
}
