// One look at a generated suite before it is judged: how its cells stand, what went wrong, and all else that its verdict is made
// from beside the results themselves.
import { compare } from '../base/compare.js';
import { messageOf } from '../base/message.js';
import { complain } from '../base/text/say.js';
import { openLockDirectory } from '../execution/lease/directory/lock-directory.js';
import { refreshProgress } from '../execution/progress/refresh-progress.js';
import { readFaultLog, type FaultRecord } from '../execution/records/fault-log.js';
import type { LastFault } from '../execution/records/last-fault.js';
import { readStanding, standingStates, type Standing } from '../execution/records/standing.js';
import { readProfiles } from '../suite/memory/profiles.js';
import { requireGeneratedSuite, type GeneratedSuite } from '../suite/nx/generated.js';
import { loadSiteSettings } from '../suite/settings/settings.js';
import type { Margins } from './analysis/ground-truth/label.js';
import { planMemory, type MemoryPlan } from './analysis/memory.js';
import type { VariantClass, VerdictPlan } from './read/expected.js';

const JUDGED: readonly string[] = ['baseline', 'clean', 'stress', 'ladder', 'error'] satisfies VariantClass[];

export interface Look {
  cells: GeneratedSuite['cells'];
  standing: Standing;
  plan: VerdictPlan;
  memory: readonly MemoryPlan[];
  /** By cell: the sentence its last attempt failed with, where it has not ended well since. */
  openFaults: ReadonlyMap<string, string>;
  faults: readonly FaultRecord[];
  unreadableFaults: number;
}

/** @throws Error when the suite has not been generated. */
export async function lookAtSuite(workspaceRoot: string, suite: string): Promise<Look> {
  const generated = requireGeneratedSuite(workspaceRoot, suite);
  const { cells, judges } = generated;
  const variants = generated.variants.flatMap(({ model, variant, class: name }) =>
    // `edits`, the project of a batch, is no variant.
    JUDGED.includes(name) ? { model, variant, class: name as VariantClass } : [],
  );
  const standing = await lookAtCells(workspaceRoot, generated);
  const open = openFaults(cells, standing);
  // Faults of cells that the suite no longer has are no news of it.
  const planned = new Set(cells.map(({ id }) => id));
  const log = readFaultLog(workspaceRoot, suite);
  return {
    ...{ cells, standing },
    plan: { suite, variants, cells, margins: marginsOf(generated), judges },
    memory: planMemory(cells, readProfiles(workspaceRoot, suite, cells), loadSiteSettings(workspaceRoot)),
    openFaults: new Map([...open].map(([cell, { sentence }]) => [cell, sentence])),
    faults: withLast(
      log.faults.filter(({ cell }) => planned.has(cell)),
      open,
    ),
    unreadableFaults: log.unreadable,
  };
}

/** Faults on record, and those of cells whose last fault is not in the log (its disk may have been full). */
function withLast(log: readonly FaultRecord[], last: ReadonlyMap<string, LastFault>): FaultRecord[] {
  const logged = new Set(log.map(({ cell, code }) => `${cell} ${code}`));
  const rest = [...last].flatMap(([cell, { at, sentence }]) => {
    const [code = '', ...message] = sentence.split(': ');
    if (logged.has(`${cell} ${code}`)) return [];
    return [
      {
        at,
        cell,
        code,
        message: message.join(': '),
        attempt: null,
        log: null,
        again: false,
        class: null,
        gpus: [],
      },
    ];
  });
  return [...log, ...rest].sort((a, b) => compare(a.at, b.at) || compare(a.cell, b.cell));
}

/** Of cells whose last attempt failed, and that have not ended well since. */
function openFaults(cells: GeneratedSuite['cells'], standing: Standing): ReadonlyMap<string, LastFault> {
  const states = standingStates(cells, standing);
  return new Map([...standing.faults].filter(([id]) => states.get(id) === 'failed'));
}

/** The progress of the suite is by the same look as its verdict: both say how many cells are finished. */
async function lookAtCells(workspaceRoot: string, { suite, cells }: GeneratedSuite): Promise<Standing> {
  let looked: Promise<Standing> | undefined;
  const look = (): Promise<Standing> => (looked ??= readStanding(workspaceRoot, cells));
  try {
    const directory = openLockDirectory(loadSiteSettings(workspaceRoot).lockDirectory);
    await refreshProgress({ directory, workspaceRoot, suite }, cells, look);
  } catch (error) {
    // A file for onlookers fails no verdict.
    complain(`progress.json is not current: ${messageOf(error)}`);
  }
  return look();
}

/** The suite's settings are in percentage points, the analysis counts in fractions of 1. */
function marginsOf({ groundTruth }: GeneratedSuite): Margins {
  return { overall: groundTruth.delta / 100, perBenchmark: groundTruth.benchmarkDelta / 100 };
}
