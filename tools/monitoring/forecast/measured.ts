// What cells of this workspace took on devices as they are here: of the planned suite, and of others for what it has not run.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { measuredOf, type Measured, type MeasuredCell } from '../../execution/lease/policy/durations.js';
import { readReceipt } from '../../execution/records/receipt.js';
import { activeGiB } from '../../suite/memory/memory.js';
import type { ModelProfile } from '../../suite/memory/memory-plan.js';
import { readProfiles } from '../../suite/memory/profiles.js';
import { readGeneratedSuite, type GeneratedCell } from '../../suite/nx/generated.js';
import { unitsOf } from '../../suite/plan/schedule.js';

type Size = Pick<GeneratedCell, 'model' | 'sizeClass' | 'sourceGiB'>;

/** What a token goes through in a model: by its profile, else its size at the source, else its class. */
export function computedGiB({ sizeClass, sourceGiB }: Size, profile: ModelProfile | undefined): number {
  return profile?.activeGiB ?? activeGiB(sizeClass, sourceGiB);
}

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
  const sizes = new Map(cells.map((cell) => [cell.model, computedGiB(cell, profiles.get(cell.model))]));
  const measured = cells.map((cell) => measuredCell(workspaceRoot, cell, deviceClass));
  return measuredOf(measured, (model) => sizes.get(model) ?? 0);
}

/** Receipts of another device tell nothing of this one. */
function measuredCell(workspaceRoot: string, cell: GeneratedCell, deviceClass: string): MeasuredCell {
  const receipts = cell.parts.flatMap(({ receipt }) => readReceipt(join(workspaceRoot, receipt)) ?? []);
  const here = receipts.filter((receipt) => receipt.deviceClass === deviceClass);
  return {
    model: cell.model,
    kind: cell.kind,
    units: unitsOf(cell),
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
