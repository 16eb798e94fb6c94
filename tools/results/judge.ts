// Judges a generated suite: from its name to the verdict files and the report.
import type { Standing } from '../execution/records/standing.js';
import type { GeneratedSuite } from '../suite/nx/generated.js';
import { lookAtSuite, type Look } from './look.js';
import { noteFinding } from './outputs/history.js';
import { makeReport } from './report/make-report.js';
import { writeVerdict, type WrittenVerdict } from './write.js';

/** Its cell will run again. */
const FOREIGN = { reason: 'stale', detail: 'its receipt is none that this version reads' } as const;

export interface JudgedSuite extends WrittenVerdict {
  cells: GeneratedSuite['cells'];
  standing: Standing;
}

export interface ReportedSuite {
  /** Where the report is, and what was found before if that was something else. */
  lines: string[];
  /** Workspace-relative. */
  path: string;
  /** Files that the report links, and whether they are there. */
  linked: Readonly<Record<string, boolean>>;
}

/** The report of a judged suite. */
export async function reportSuite(
  workspaceRoot: string,
  { findings, cells }: JudgedSuite,
): Promise<ReportedSuite> {
  const before = noteFinding(workspaceRoot, findings);
  const { path, changed, linked } = await makeReport(workspaceRoot, findings, cells);
  const lines = [
    changed ? `  ${path}` : asItWas(path),
    ...(before === undefined
      ? []
      : [`  before, ${before.at.slice(0, 10)}: ${before.status}: ${before.sentence}`]),
  ];
  return { lines, path, linked };
}

/** The line of a report that would come out the same. */
export const asItWas = (path: string): string => `  ${path} (as it was)`;

/** @throws Error when the suite has not been generated. */
export async function judgeSuite(workspaceRoot: string, suite: string): Promise<JudgedSuite> {
  return judgeLook(workspaceRoot, await lookAtSuite(workspaceRoot, suite));
}

export async function judgeLook(workspaceRoot: string, look: Look): Promise<JudgedSuite> {
  const { cells, standing, plan, memory, faults, unreadableFaults } = look;
  const written = await writeVerdict({
    ...{ workspaceRoot, plan, memory, faults, unreadableFaults },
    known: {
      faults: look.openFaults,
      outdated: ({ receipt }) =>
        standing.outdated.get(receipt) ?? (standing.receipts.has(receipt) ? null : FOREIGN),
    },
  });
  return { ...written, cells, standing };
}
