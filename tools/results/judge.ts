// Judges a generated suite: from its name to the verdict files. The `verdict` target and the plugin's hook both call it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from '../base/files.js';
import { readFault } from '../runner/last-fault.js';
import { outdatedReceipts } from '../runner/outdated.js';
import { readReceipt } from '../runner/receipt.js';
import { recipeOf } from '../runner/manifest.js';
import { linkWeights } from '../runner/publish.js';
import { readGeneratedSuite, type GeneratedSuite } from '../suite/generated.js';
import { loadSiteSettings } from '../suite/settings.js';
import type { VariantClass } from './plan.js';
import type { CellKnowledge } from './receipts.js';
import { writeVerdict, type WrittenVerdict } from './write.js';

const JUDGED: readonly string[] = ['baseline', 'clean', 'stress', 'error'] satisfies VariantClass[];

/** @throws Error when the suite has not been generated. */
export async function judgeSuite(workspaceRoot: string, suite: string): Promise<WrittenVerdict> {
  const generated = readGeneratedSuite(workspaceRoot, suite);
  if (generated === undefined) {
    throw new Error(`suite ${suite} has no projects yet. Make them: npx nx g ./tools:suite ${suite}`);
  }
  const variants = generated.variants.flatMap(({ model, variant, class: name }) =>
    // `edits`, the project of a batch, is no variant.
    JUDGED.includes(name) ? { model, variant, class: name as VariantClass } : [],
  );
  repairLinks(workspaceRoot, generated);
  const known = await knowledge(workspaceRoot, generated);
  return writeVerdict({ workspaceRoot, plan: { suite, variants, cells: generated.cells }, known });
}

async function knowledge(workspaceRoot: string, { cells }: GeneratedSuite): Promise<CellKnowledge> {
  const outdated = await outdatedReceipts(workspaceRoot, cells);
  const faults = cells.flatMap(({ id, parts }) => {
    const [project = '', target = ''] = id.split(':');
    const fault = readFault(workspaceRoot, project, target);
    if (fault === undefined) return [];
    // A receipt from after the fault: the cell has ended well since, here or in another checkout.
    const receipts = parts.map(({ receipt }) => readReceipt(join(workspaceRoot, receipt))?.endedAt ?? '');
    return receipts.every((endedAt) => endedAt > fault.at) ? [] : [[id, fault.sentence] as const];
  });
  return { faults: new Map(faults), stale: ({ receipt }) => outdated.get(receipt) ?? null };
}

/** The seed's paths point into the weights store, also where Nx restored a manifest and started nothing. */
function repairLinks(workspaceRoot: string, { cells }: GeneratedSuite): void {
  const { storageRoot } = loadSiteSettings(workspaceRoot);
  for (const { link, writes } of cells.flatMap(({ parts }) => parts)) {
    const manifest = writes.find(({ file }) => file === 'manifest.json');
    const text = manifest === undefined ? undefined : readIfThere(join(workspaceRoot, manifest.path));
    const recipe = text === undefined ? undefined : recipeOf(text);
    if (link === undefined || recipe === undefined || !existsSync(join(storageRoot, recipe))) continue;
    linkWeights(workspaceRoot, link, join(storageRoot, recipe));
  }
}
