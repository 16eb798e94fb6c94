// The table of judges: by the name that suite.yaml has for it, each with the judges it stands for.
import type { JudgeName } from '../../../suite/model/suite.js';
import { flips, kl, recovery } from './answers.js';
import { always, byName, never } from './blind.js';
import { guards } from './guards.js';
import { invarlock } from './invarlock.js';
import { type Judge, type JudgeAnswer, type Subject, undecided } from './judge.js';
import { invarlock012 } from './invarlock-0.12.js';
import { invarlock017 } from './invarlock-0.17.js';
import { finite, perplexity } from './perplexity.js';
import { trueBaseline } from './true-baseline.js';
import { weightError } from './weights.js';

export const JUDGE_TABLE: Readonly<Record<JudgeName, readonly Judge[]>> = {
  invarlock: [invarlock, ...guards],
  finite: [finite],
  perplexity,
  recovery,
  flips: [flips],
  kl: [kl],
  'weight-error': [weightError],
  always: [always],
  never: [never],
  'by-name': [byName],
  'invarlock-true-baseline': trueBaseline,
  'invarlock-0.12': [invarlock012],
  'invarlock-0.17': [invarlock017],
};

/** A judge that breaks has not decided, and says why; the others never hear of it. */
export function ask(judge: Judge, subject: Subject): JudgeAnswer {
  try {
    return judge.judge(subject);
  } catch (error) {
    return undecided(`the judge failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
