// Weights that a cell needs and the store lacks are made again, by the cell that made them, once for all who wait.
import { readGeneratedSuite } from '../../suite/nx/generated.js';
import { suiteOf, type PlannedCell } from '../../suite/plan/planned.js';
import { weightsOfPlan, type Weights } from '../store/consumers.js';
import { Fault } from '../../base/fault.js';
import { weightsProblem, type WeightsProblem } from '../records/manifest.js';
import type { CellContext, RunCell } from './context.js';
import type { ResolvedRead } from '../records/reads.js';

/** Make sure that all weights the cell reads are in the store and are those its manifests speak of. */
export async function ensureWeights(context: CellContext, runCell: RunCell): Promise<void> {
  for (const read of context.reads) {
    const problem = await problemOf(context, read);
    if (problem !== undefined) await remake(context, read, problem, runCell);
  }
}

async function problemOf(
  { settings }: CellContext,
  { manifest, sha256: digest }: ResolvedRead,
): Promise<WeightsProblem | undefined> {
  return manifest === undefined ? undefined : weightsProblem(settings.storageRoot, manifest.value, digest);
}

async function remake(
  context: CellContext,
  { declared }: ResolvedRead,
  { how, path }: WeightsProblem,
  runCell: RunCell,
): Promise<void> {
  const { workspaceRoot, project, say, journal, cell } = context;
  const cells = readGeneratedSuite(workspaceRoot, suiteOf(project))?.cells ?? [];
  const maker = makerOf(cells, declared);
  const said = `the weights of ${declared} are ${how} (${path})`;
  if (maker === undefined) {
    throw new Fault('weights_missing', said, 'No cell of the suite makes them: run npx nx sync.');
  }
  const [makerProject = '', target = ''] = maker.cell.id.split(':');
  say(`${said}: ${maker.cell.id} makes them again`);
  journal.main(cell, `${said}: ${maker.cell.id} makes them again`);
  await runCell({
    ...context,
    project: makerProject,
    target,
    options: { ...maker.cell, parts: [maker.part] },
    forced: false,
    weightsWanted: true,
    say: (line) => {
      say(`${maker.cell.id}: ${line}`);
    },
  });
}

function makerOf(cells: readonly PlannedCell[], manifest: string): Weights | undefined {
  return weightsOfPlan(cells).find((one) => one.manifest === manifest);
}
