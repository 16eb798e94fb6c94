// Judges a generated suite: from its name to the verdict files. The `verdict` target and the plugin's hook both call it.
import { readFault } from '../runner/last-fault.js';
import { outdatedReceipts } from '../runner/outdated.js';
import { readGeneratedSuite, type GeneratedSuite } from '../suite/generated.js';
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
  const known = await knowledge(workspaceRoot, generated);
  return writeVerdict({ workspaceRoot, plan: { suite, variants, cells: generated.cells }, known });
}

async function knowledge(workspaceRoot: string, { cells }: GeneratedSuite): Promise<CellKnowledge> {
  const outdated = await outdatedReceipts(workspaceRoot, cells);
  const faults = cells.flatMap(({ id }) => {
    const [project = '', target = ''] = id.split(':');
    const fault = readFault(workspaceRoot, project, target);
    return fault === undefined ? [] : [[id, fault] as const];
  });
  return { faults: new Map(faults), stale: ({ receipt }) => outdated.get(receipt) ?? null };
}
