// Rebuilds weights that a cell reads and the store lacks: the cell that made them makes them again, once for all who wait.
import { Fault } from '../../base/fault.js';
import { ok, type Result } from '../../base/result.js';
import { readGeneratedSuite } from '../../suite/nx/generated.js';
import { suiteOf, type PlannedCell } from '../../suite/plan/planned.js';
import { weightsProblem, type WeightsProblem } from '../records/manifest.js';
import type { ResolvedRead } from '../records/reads.js';
import { weightsOfPlan, type Weights } from '../store/consumers.js';
import { withInputs, type CellContext, type RunCell } from './context.js';
import { failed, type CellFailure } from './failure.js';

/** See that all weights the cell reads are in the store and are those its manifests speak of. */
export async function rebuildWeights(
  context: CellContext,
  runCell: RunCell,
): Promise<Result<undefined, CellFailure>> {
  const now = await withInputs(context);
  if (!now.ok) return failed(now.error);
  for (const read of now.value.reads) {
    const problem = await problemOf(now.value, read);
    const rebuilt = problem === undefined ? undefined : await rebuild(now.value, read, problem, runCell);
    if (rebuilt?.ok === false) return rebuilt;
  }
  return ok(undefined);
}

async function problemOf(
  { settings }: CellContext,
  { manifest, sha256: digest }: ResolvedRead,
): Promise<WeightsProblem | undefined> {
  return manifest === undefined ? undefined : weightsProblem(settings.storageRoot, manifest.value, digest);
}

async function rebuild(
  context: CellContext,
  { declared }: ResolvedRead,
  { how, path }: WeightsProblem,
  runCell: RunCell,
): ReturnType<RunCell> {
  const { workspaceRoot, project, log, journal, cell } = context;
  const cells = readGeneratedSuite(workspaceRoot, suiteOf(project))?.cells ?? [];
  const maker = makerOf(cells, declared);
  const problem = `the weights of ${declared} are ${how} (${path})`;
  if (maker === undefined) {
    return failed(new Fault('weights_missing', problem, 'No cell of the suite makes them: run npx nx sync.'));
  }
  const [makerProject = '', target = ''] = maker.cell.id.split(':');
  log(`${problem}: ${maker.cell.id} makes them again`);
  journal.main(cell, `${problem}: ${maker.cell.id} makes them again`);
  return runCell({
    ...context,
    project: makerProject,
    target,
    options: { ...maker.cell, parts: [maker.part] },
    forced: false,
    weightsWanted: true,
    log: (line, when) => {
      log(`${maker.cell.id}: ${line}`, when);
    },
  });
}

function makerOf(cells: readonly PlannedCell[], manifest: string): Weights | undefined {
  return weightsOfPlan(cells).find((one) => one.manifest === manifest);
}
