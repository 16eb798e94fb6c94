// The preflight of an nx run, before its first cell starts: suites in step with their suite.yaml, and the disk its weights take.
import { readGeneratedSuite } from '../../suite/nx/generated.js';
import { requireRecorded } from '../../suite/nx/record.js';
import { listSuites } from '../../suite/load/load.js';
import { findNvidiaSmi } from '../../host/nvidia-smi.js';
import { otherGpus } from '../../host/other-gpus.js';
import { loadSiteSettings, type SiteSettings } from '../../suite/settings/settings.js';
import type { PlannedCell } from '../../suite/plan/planned.js';
import { DISK_HINT, freeBytes, minFreeBytes, plannedWeights } from '../../execution/store/disk.js';
import { describeDisk, diskRefusal, planDisk } from '../../execution/store/disk-plan.js';
import { messageOf } from '../../base/message.js';
import { requestedCells } from './requested.js';
import { unknownOption } from './unknown-option.js';

export interface Preflight {
  lines: string[];
  /** Those that the command asks for. */
  suites: string[];
  /** Why the run must not start. */
  refusal: string | undefined;
}

/** One line a suite that the command asks for. */
export function preflight(workspaceRoot: string, argv: readonly string[]): Preflight {
  const option = unknownOption(argv);
  if (option !== undefined) return { lines: [], suites: [], refusal: option };
  const lines: string[] = [];
  const suites: string[] = [];
  for (const suite of listSuites(workspaceRoot)) {
    const cells: readonly PlannedCell[] = readGeneratedSuite(workspaceRoot, suite)?.cells ?? [];
    const requested = requestedCells(argv, suite, cells);
    if (requested.length === 0) continue;
    const outOfStep = outOfStepReason(workspaceRoot, suite);
    if (outOfStep !== undefined) return { lines, suites, refusal: outOfStep };
    suites.push(suite);
    const settings = loadSiteSettings(workspaceRoot);
    const { storageKeep, storageRoot } = settings;
    const plan = planDisk(plannedWeights(workspaceRoot, storageRoot, requested), storageKeep);
    const free = freeBytes(workspaceRoot, storageRoot);
    lines.push(`${suite}: ${describeDisk(plan, storageKeep, free)}`);
    const onCpu = whyOnCpu(settings);
    if (onCpu !== undefined && !lines.includes(onCpu)) lines.push(onCpu);
    const refusal = diskRefusal(plan, free, minFreeBytes(settings, cells));
    if (refusal !== undefined)
      return { lines, suites, refusal: `${suite}: ${refusal}.\n${DISK_HINT.replace('<suite>', suite)}` };
  }
  return { lines, suites, refusal: undefined };
}

/** A host with a GPU of another maker is told why it computes on the CPU. */
function whyOnCpu({ accelerator }: SiteSettings): string | undefined {
  const others = accelerator === 'cpu' || findNvidiaSmi() !== undefined ? undefined : otherGpus();
  return others === undefined ? undefined : `no nvidia-smi is found: cells run on the CPU${others}`;
}

/** Also here, before cells that are all in Nx's cache end the run without asking. */
function outOfStepReason(workspaceRoot: string, suite: string): string | undefined {
  try {
    requireRecorded(workspaceRoot, suite, process.env);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
