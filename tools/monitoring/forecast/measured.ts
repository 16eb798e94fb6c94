// What cells of this workspace took on devices as they are here: of the planned suite, and of others for what it has not run.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { measuredOf, type Measured, type MeasuredCell } from '../../execution/lease/policy/durations.js';
import { readReceipt } from '../../execution/records/receipt.js';
import { modelSize, runsOnAccelerator } from '../../suite/memory/memory.js';
import type { ModelProfile } from '../../suite/memory/memory-plan.js';
import { readProfiles } from '../../suite/memory/profiles.js';
import { readGeneratedSuite, type GeneratedCell } from '../../suite/nx/generated.js';
import { workOf } from '../../suite/plan/estimate.js';
import { unitsOf } from '../../suite/plan/schedule.js';

/** Another suite's models stand in where this suite has measured none of a kind. */
export function readMeasured(
  workspaceRoot: string,
  { suite, cells, deviceClass }: { suite: string; cells: readonly GeneratedCell[]; deviceClass: string },
): Measured {
  const own = measuredIn(workspaceRoot, suite, cells, deviceClass);
  if (cells.every(({ kind }) => own.rates[kind] !== undefined)) return own;
  const others = otherSuites(workspaceRoot, suite).map(
    (other) => measuredIn(workspaceRoot, other, readOther(workspaceRoot, other), deviceClass).rates,
  );
  return { ...own, rates: others.reduce((rates, other) => ({ ...other, ...rates }), own.rates) };
}

function measuredIn(
  workspaceRoot: string,
  suite: string,
  cells: readonly GeneratedCell[],
  deviceClass: string,
): Measured {
  const profiles = readProfiles(workspaceRoot, suite, cells);
  return measuredOf(
    cells.map((cell) => measuredCell(workspaceRoot, cell, profiles.get(cell.model), deviceClass)),
  );
}

/** Receipts of another device tell nothing of this one; cells that never use a GPU run on the CPU of any host. */
function measuredCell(
  workspaceRoot: string,
  cell: GeneratedCell,
  profile: ModelProfile | undefined,
  deviceClass: string,
): MeasuredCell {
  const receipts = cell.parts.flatMap(({ receipt }) => readReceipt(join(workspaceRoot, receipt)) ?? []);
  const own = deviceClass === '' || runsOnAccelerator(cell) ? deviceClass : 'cpu';
  const here = receipts.filter((receipt) => receipt.deviceClass === own);
  return {
    model: cell.model,
    kind: cell.kind,
    units: unitsOf(cell),
    work: workOf(cell, modelSize(cell, profile), deviceClass === 'cpu'),
    runSeconds: here.map(({ runSeconds }) => runSeconds),
    startSeconds: here.flatMap(({ startSeconds }) => startSeconds ?? []),
  };
}

function otherSuites(workspaceRoot: string, suite: string): string[] {
  const found = existsSync(join(workspaceRoot, 'output'))
    ? readdirSync(join(workspaceRoot, 'output'), { withFileTypes: true })
    : [];
  return found
    .filter((entry) => entry.isDirectory() && entry.name !== suite)
    .map(({ name }) => name)
    .sort();
}

/** One that is out of step, or no suite any more, has nothing to tell. */
function readOther(workspaceRoot: string, suite: string): readonly GeneratedCell[] {
  try {
    return readGeneratedSuite(workspaceRoot, suite)?.cells ?? [];
  } catch {
    return [];
  }
}
