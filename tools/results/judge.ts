// Judges a generated suite: from its name to the verdict files. The `verdict` target and the plugin's hook both call it.
import { complain, say } from '../base/text/say.js';
import { join } from 'node:path';
import { compare } from '../base/compare.js';
import { isOver, readFaults, type LastFault } from '../execution/records/last-fault.js';
import { outdatedReceipts } from '../execution/records/outdated.js';
import { readReceipt } from '../execution/records/receipt.js';
import { requireGeneratedSuite, type GeneratedSuite } from '../suite/nx/generated.js';
import { readProfiles } from '../suite/memory/profiles.js';
import { loadSiteSettings } from '../suite/settings/settings.js';
import { readFaultLog, type FaultRecord } from '../execution/records/fault-log.js';
import type { Margins } from './analysis/ground-truth/label.js';
import { noteFinding } from './outputs/history.js';
import { makeReport } from './report/make-report.js';
import { planMemory } from './analysis/memory.js';
import type { VariantClass } from './read/expected.js';
import type { CellKnowledge } from './read/receipts.js';
import { writeVerdict, type WrittenVerdict } from './write.js';

const JUDGED: readonly string[] = ['baseline', 'clean', 'stress', 'ladder', 'error'] satisfies VariantClass[];

export interface JudgedSuite extends WrittenVerdict {
  cells: GeneratedSuite['cells'];
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
  const faults = lastFaults(workspaceRoot, generated);
  // Faults of cells that the suite no longer has are no news of it.
  const planned = new Set(generated.cells.map(({ id }) => id));
  const log = readFaultLog(workspaceRoot, suite);
  const written = await writeVerdict({
    workspaceRoot,
    plan: {
      ...{ suite, variants, cells: generated.cells },
      ...{ margins: marginsOf(generated), judges: generated.judges },
    },
    known: await knowledge(workspaceRoot, generated, faults),
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
  return { ...written, cells: generated.cells };
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
function lastFaults(workspaceRoot: string, { cells }: GeneratedSuite): ReadonlyMap<string, LastFault> {
  const partsOf = new Map(cells.map(({ id, parts }) => [id, parts]));
  return new Map(
    [...readFaults(workspaceRoot, cells)].filter(([id, fault]) => {
      const receipts = (partsOf.get(id) ?? []).map(({ receipt }) =>
        readReceipt(join(workspaceRoot, receipt)),
      );
      return !isOver(
        fault,
        receipts.map((receipt) => receipt?.endedAt),
      );
    }),
  );
}

async function knowledge(
  workspaceRoot: string,
  { cells }: GeneratedSuite,
  faults: ReadonlyMap<string, LastFault>,
): Promise<CellKnowledge> {
  const outdated = await outdatedReceipts(workspaceRoot, cells);
  return {
    faults: new Map([...faults].map(([cell, { sentence }]) => [cell, sentence])),
    outdated: ({ receipt }) => outdated.get(receipt) ?? null,
  };
}

/** The suite's settings are in percentage points, the analysis counts in fractions of 1. */
function marginsOf({ groundTruth }: GeneratedSuite): Margins {
  return { overall: groundTruth.delta / 100, perBenchmark: groundTruth.benchmarkDelta / 100 };
}
