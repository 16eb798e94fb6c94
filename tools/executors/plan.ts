// Executor `plan`: what a run of a suite would do, before anything runs.
import { say, shownJson } from '../base/text/say.js';
import { resolve } from 'node:path';
import type { ExecutorContext } from '@nx/devkit';
import { writeWhole } from '../base/files.js';
import { planReport } from '../monitoring/forecast/report.js';
import { planText } from '../monitoring/forecast/text.js';
import { outcomeOf, type Outcome } from './outcome.js';

/** Nx passes output on in pieces of so many bytes, and ends the line after each. */
const NX_PIECE = 65_536;

export default function plan(
  options: { suite: string; cache?: boolean; json?: boolean; file?: string; verbose?: boolean },
  context: ExecutorContext,
): Promise<Outcome> {
  return outcomeOf(`plan of ${options.suite} failed`, async () => {
    const report = await planReport(
      context.root,
      options.suite,
      options.cache === true ? () => askCache(context.root, options.suite) : undefined,
    );
    const verbose = options.verbose === true || context.isVerbose;
    const json = shownJson(report);
    if (options.file !== undefined) writeWhole(resolve(context.root, options.file), `${json}\n`);
    if (options.json !== true) say(planText(report, verbose).join('\n'));
    else if (Buffer.byteLength(json) < NX_PIECE) console.log(json);
    else if (options.file === undefined) {
      throw new Error('its JSON is longer than a line that Nx passes on whole. Give: --file plan.json');
    }
  });
}

async function askCache(workspaceRoot: string, suite: string): Promise<ReadonlySet<string>> {
  const { lookAtCells } = await import('../monitoring/run/restore.js');
  return (await lookAtCells(workspaceRoot, suite)).answered;
}
