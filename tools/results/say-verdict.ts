// The verdict of a suite in words, with its files and report: made anew, or as it was said before of the very same results.
import { complain, say } from '../base/text/say.js';
import { lookAtSuite, type Look } from './look.js';
import { digestReceipts, keepSaid, madeFrom, sayAgain } from './same-verdict.js';

export interface SaidVerdict extends Pick<Look, 'cells' | 'standing'> {
  verdict: readonly string[];
  /** Where the report is, and what was found before if that was something else. */
  report: readonly string[];
  /** Somebody altered results: what to do, a line each. */
  altered: readonly string[];
}

/**
 * Judge a suite, make its report, and say what came out.
 *
 * @returns false where somebody altered results: that is no way for a verdict to end well.
 * @throws Error when the suite has not been generated.
 */
export async function sayVerdictAndReport(workspaceRoot: string, suite: string): Promise<boolean> {
  const { verdict, report, altered } = await verdictOf(workspaceRoot, suite);
  for (const line of [...verdict, ...report]) say(line);
  for (const line of altered) complain(line);
  return altered.length === 0;
}

/** @throws Error when the suite has not been generated. */
export async function verdictOf(workspaceRoot: string, suite: string): Promise<SaidVerdict> {
  const look = await lookAtSuite(workspaceRoot, suite);
  const { cells, standing } = look;
  const receipts = digestReceipts(workspaceRoot, cells);
  const from = await madeFrom(workspaceRoot, look, receipts);
  const again = from === undefined ? undefined : sayAgain(workspaceRoot, suite, from);
  if (again !== undefined) return { cells, standing, ...again, altered: [] };

  const { asItWas, judgeLook, reportSuite } = await import('./judge.js');
  const judged = await judgeLook(workspaceRoot, look);
  const { path, lines, linked } = await reportSuite(workspaceRoot, judged);
  // Not where another run has replaced results meanwhile. The report's history may have grown: what it was made from is asked anew.
  const now = await madeFrom(workspaceRoot, look, receipts);
  if (now !== undefined && digestReceipts(workspaceRoot, cells) === receipts) {
    const said = { madeFrom: now, verdict: judged.lines, report: [asItWas(path)], linked };
    keepSaid(workspaceRoot, suite, said, [...judged.paths, path]);
  }
  return {
    ...{ cells, standing, verdict: judged.lines, report: lines },
    altered: judged.findings.analysis.missing
      .filter(({ reason }) => reason === 'altered')
      .map(
        ({ cell, detail }) =>
          `${cell}: ${detail} after its cell had ended; make it again: npx nx run ${cell}`,
      ),
  };
}
