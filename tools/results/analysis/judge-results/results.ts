// Judges side by side: how each did against the labels, beside InvarLock on the same variants.
import type { CellKind } from '../../../suite/model/cell.js';
import { JUDGES, type JudgeName } from '../../../suite/model/suite.js';
import { type JudgedVariant, ratesOf } from '../ground-truth/finding.js';
import { exactRate } from '../ground-truth/intervals.js';
import { LEAST_EDITS } from '../ground-truth/limits.js';
import { holm } from '../ground-truth/paired-tests.js';
import type { VariantLabel } from '../ground-truth/variant-labels.js';
import { ask, JUDGE_TABLE } from '../judges/index.js';
import { invarlock } from '../judges/invarlock.js';
import type { Judge, JudgeAnswer, Subject } from '../judges/judge.js';
import type { Rate } from '../statistics/confusion.js';
import type { PlannedVariant } from '../../read/expected.js';
import { type Auc, auc } from './auc.js';
import { type Curve, detectionCurve } from './curve.js';
import { paired, type Paired } from './paired.js';

/** A variant as the judges get it, and what is known of it by which they are measured. */
export interface Measured {
  subject: Subject;
  kind: 'edit' | 'error';
  /** NaN or Inf in its weights or answers, or it cannot be loaded: harmful whatever its label. */
  byDefinition: boolean;
  /** From all items, and from the half that no judge sees. */
  labels: { all: VariantLabel; half: VariantLabel };
}

export interface JudgeResult {
  judge: string;
  rule: string;
  /** What its labels are made of: all items, or those of the half that it does not see. */
  labels: 'all' | 'half';
  reads: readonly CellKind[];
  counts: Record<JudgeAnswer['judgement'], number>;
  sensitivity: Rate;
  specificity: Rate;
  errorDetection: Rate;
  nonFiniteDetection: Rate;
  auc: Auc | null;
  curve: Curve | null;
  /** Harmless variants that a limit would flag at which the score catches 80 % of the harmful ones; null of too few. */
  falseAlarmsAt80: Rate | null;
  /** InvarLock (one) beside it (other), on its labels; null of InvarLock itself. */
  beside: (Paired & { holmP: number }) | null;
  answers: (PlannedVariant & JudgeAnswer)[];
}

interface Judged {
  of: Measured;
  answer: JudgeAnswer;
}

export function judgeResults(
  variants: readonly Measured[],
  names: readonly JudgeName[] = JUDGES,
): JudgeResult[] {
  const reference = judged(invarlock, variants);
  const results = names
    .flatMap((name) => JUDGE_TABLE[name])
    .map((judge) => resultOf(judge, judged(judge, variants), reference));
  const compared = results.flatMap(({ beside }) => beside ?? []);
  const adjusted = holm(compared.map(({ p }) => p));
  compared.forEach((one, at) => {
    one.holmP = adjusted[at] ?? 1;
  });
  return results;
}

/** InvarLock beside one judge, whether the suite asks for either or not. */
export function besideInvarlock(judge: Judge, variants: readonly Measured[]): Paired {
  return pairedWith(judge, judged(invarlock, variants), judged(judge, variants));
}

function judged(judge: Judge, variants: readonly Measured[]): Judged[] {
  return variants.map((of) => ({ of, answer: ask(judge, of.subject) }));
}

function resultOf(judge: Judge, all: readonly Judged[], reference: readonly Judged[]): JudgeResult {
  const count = (wanted: JudgeAnswer['judgement']): number =>
    all.filter(({ answer }) => answer.judgement === wanted).length;
  const own = judge.name === invarlock.name;
  return {
    judge: judge.name,
    rule: judge.rule,
    labels: judge.readsOutcomes ? 'half' : 'all',
    reads: judge.reads,
    counts: { flagged: count('flagged'), passed: count('passed'), undecided: count('undecided') },
    ...ratesOf(all.map((one) => forFinding(judge, one))),
    auc: auc(scored(judge, all)),
    curve: detectionCurve(dosed(judge, all)),
    falseAlarmsAt80: falseAlarms(scored(judge, all)),
    beside: own ? null : { ...pairedWith(judge, reference, all), holmP: 1 },
    answers: all.map(({ of: { subject }, answer }) => ({
      ...{ model: subject.model, variant: subject.variant, class: subject.class },
      ...answer,
    })),
  };
}

function labelFor(judge: Judge, { labels }: Measured): VariantLabel {
  return judge.readsOutcomes ? labels.half : labels.all;
}

function forFinding(judge: Judge, { of, answer: { judgement } }: Judged): JudgedVariant {
  const label = labelFor(judge, of);
  return {
    model: of.subject.model,
    kind: of.kind,
    label: label.ok ? label.value.label : null,
    byDefinition: of.byDefinition,
    flagged: judgement === 'undecided' ? null : judgement === 'flagged',
  };
}

/** Harmful, harmless, or null where it is not known. */
function isHarmful(judge: Judge, of: Measured): boolean | null {
  if (of.byDefinition) return true;
  const label = labelFor(judge, of);
  if (!label.ok || label.value.label === 'undecided') return null;
  return label.value.label === 'harmful';
}

/** Variants whose harm was measured: those that are harmful by what they are would flatter every judge. */
function scored(judge: Judge, all: readonly Judged[]) {
  return all.flatMap(({ of, answer: { score } }) => {
    const harmful = isHarmful(judge, of);
    if (score === null || harmful === null || !labelFor(judge, of).ok) return [];
    return [{ model: of.subject.model, score, harmful }];
  });
}

/** Undecided labels too: their harm was measured as well as any. */
function dosed(judge: Judge, all: readonly Judged[]) {
  return all.flatMap(({ of, answer: { judgement } }) => {
    const label = labelFor(judge, of);
    if (judgement === 'undecided' || !label.ok) return [];
    const harm = 0 - 100 * label.value.difference;
    const { model, variant } = of.subject;
    return [{ model, variant, harm, flagged: judgement === 'flagged' }];
  });
}

function falseAlarms(variants: ReturnType<typeof scored>): Rate | null {
  const harmful = variants.filter((one) => one.harmful).map(({ score }) => score);
  const harmless = variants.filter((one) => !one.harmful).map(({ score }) => score);
  if (harmful.length < LEAST_EDITS || harmless.length === 0) return null;
  const limit = harmful.toSorted((a, b) => b - a)[Math.ceil(0.8 * harmful.length) - 1] ?? Infinity;
  return exactRate(harmless.filter((score) => score >= limit).length, harmless.length);
}

/** By the labels of the judge beside it, since InvarLock sees no item at all. */
function pairedWith(judge: Judge, reference: readonly Judged[], all: readonly Judged[]): Paired {
  return paired(
    all.flatMap(({ of, answer }, at) => {
      const harmful = isHarmful(judge, of);
      const [one, other] = [reference[at]?.answer.judgement ?? 'undecided', answer.judgement];
      if (harmful === null || one === 'undecided' || other === 'undecided') return [];
      const right = (judgement: string): boolean => (judgement === 'flagged') === harmful;
      return [{ model: of.subject.model, one: right(one), other: right(other) }];
    }),
  );
}
