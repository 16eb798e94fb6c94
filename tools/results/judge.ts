// Judges a generated suite: from its name to the verdict files. The `verdict` target and the plugin's hook both call it.
import { complain, say } from '../base/text/say.js';
import { compare } from '../base/compare.js';
import { messageOf } from '../base/message.js';
import { openLockDirectory } from '../execution/lease/directory/lock-directory.js';
import { refreshProgress } from '../execution/progress/refresh-progress.js';
import type { LastFault } from '../execution/records/last-fault.js';
import { readStanding, standingStates, type Standing } from '../execution/records/standing.js';
import { requireGeneratedSuite, type GeneratedSuite } from '../suite/nx/generated.js';
import { readProfiles } from '../suite/memory/profiles.js';
import { loadSiteSettings } from '../suite/settings/settings.js';
import { readFaultLog, type FaultRecord } from '../execution/records/fault-log.js';
import type { Margins } from './analysis/ground-truth/label.js';
import { noteFinding } from './outputs/history.js';
import { makeReport } from './report/make-report.js';
import { planMemory } from './analysis/memory.js';
import type { VariantClass } from './read/expected.js';
import { writeVerdict, type WrittenVerdict } from './write.js';

const JUDGED: readonly string[] = ['baseline', 'clean', 'stress', 'ladder', 'error'] satisfies VariantClass[];

/** Its cell will run again. */
const FOREIGN = { reason: 'stale', detail: 'its receipt is none that this version reads' } as const;

export interface JudgedSuite extends WrittenVerdict {
  cells: GeneratedSuite['cells'];
  standing: Standing;
}

/** The report of a judged suite: lines that say where it is, and what was found before if that was something else. */
export async function reportSuite(
  workspaceRoot: string,
  { findings, cells }: JudgedSuite,
): Promise<string[]> {
  const before = noteFinding(workspaceRoot, findings);
  const { path, changed } = await makeReport(workspaceRoot, findings, cells);
  return [
    `  ${path}${changed ? '' : ' (as it was)'}`,
    ...(before === undefined
      ? []
      : [`  before, ${before.at.slice(0, 10)}: ${before.status}: ${before.sentence}`]),
  ];
}

/**
 * Judge a suite, make its report, and say what came out.
 *
 * @returns false where somebody altered results: that is no way for a verdict to end well.
 * @throws Error when the suite has not been generated.
 */
export async function sayVerdictAndReport(workspaceRoot: string, suite: string): Promise<boolean> {
  const judged = await judgeSuite(workspaceRoot, suite);
  for (const line of judged.lines) say(line);
  for (const line of await reportSuite(workspaceRoot, judged)) say(line);
  const altered = judged.findings.analysis.missing.filter(({ reason }) => reason === 'altered');
  for (const { cell, detail } of altered) {
    complain(`${cell}: ${detail} after its cell had ended; make it again: npx nx run ${cell}`);
  }
  return altered.length === 0;
}

/** @throws Error when the suite has not been generated. */
export async function judgeSuite(workspaceRoot: string, suite: string): Promise<JudgedSuite> {
  const generated = requireGeneratedSuite(workspaceRoot, suite);
  const variants = generated.variants.flatMap(({ model, variant, class: name }) =>
    // `edits`, the project of a batch, is no variant.
    JUDGED.includes(name) ? { model, variant, class: name as VariantClass } : [],
  );
  const standing = await lookAtCells(workspaceRoot, generated);
  const faults = openFaults(generated.cells, standing);
  // Faults of cells that the suite no longer has are no news of it.
  const planned = new Set(generated.cells.map(({ id }) => id));
  const log = readFaultLog(workspaceRoot, suite);
  const written = await writeVerdict({
    workspaceRoot,
    plan: {
      ...{ suite, variants, cells: generated.cells },
      ...{ margins: marginsOf(generated), judges: generated.judges },
    },
    known: {
      faults: new Map([...faults].map(([cell, { sentence }]) => [cell, sentence])),
      outdated: ({ receipt }) =>
        standing.outdated.get(receipt) ?? (standing.receipts.has(receipt) ? null : FOREIGN),
    },
    memory: planMemory(
      generated.cells,
      readProfiles(workspaceRoot, suite, generated.cells),
      loadSiteSettings(workspaceRoot),
    ),
    faults: withLast(
      log.faults.filter(({ cell }) => planned.has(cell)),
      faults,
    ),
    unreadableFaults: log.unreadable,
  });
  return { ...written, cells: generated.cells, standing };
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
