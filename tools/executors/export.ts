// Executor `export`: the report and all it rests on as one zip.
import { complain, say } from '../base/text/say.js';
import type { ExecutorContext } from '@nx/devkit';
import { repairLinks } from '../execution/store/link.js';
import { exportSuite } from '../results/export/export-suite.js';
import { judgeSuite, reportSuite } from '../results/judge.js';
import { outcomeOf, type Outcome } from './outcome.js';

interface ExportFlags {
  suite: string;
  out?: string;
  dryRun?: boolean;
  redact?: boolean;
}

export default function exportResults(
  { suite, out, dryRun = false, redact = false }: ExportFlags,
  { root }: ExecutorContext,
): Promise<Outcome> {
  return outcomeOf(`export of ${suite} failed`, async () => {
    repairLinks(root, suite);
    const judged = await judgeSuite(root, suite);
    await reportSuite(root, judged);
    const { findings, cells } = judged;
    const { lines, success } = await exportSuite({
      ...{ workspaceRoot: root, suite, findings, cells },
      ...{ out, dryRun, redact },
    });
    for (const line of lines) (success ? say : complain)(line);
    return success;
  });
}
