// Judges that look at how one half of the items was answered: accuracy kept, answers that turned, divergence of the choices.
import type { JoinedBenchmark } from '../ground-truth/pairs.js';
import { secondaryOf } from '../ground-truth/secondary.js';
import { against, type Judge, type JudgeAnswer, undecided } from './judge.js';

const base = { readsOutcomes: true, reads: ['eval'] } as const;

/** Share of the baseline's accuracy that must be kept. */
const KEPT = [0.99, 0.95] as const;
/** The other two are conventions of this suite: nobody has set a limit for them. */
const FLIPS = 0.05;
const KL = 0.05;

export const recovery: readonly Judge[] = KEPT.map((kept) => ({
  ...base,
  name: `recovery-${(100 * kept).toFixed(0)}`,
  rule: `less than ${percent(kept)} of the baseline’s mean accuracy is kept`,
  judge: ({ answers }): JudgeAnswer =>
    of(answers, (joined) => {
      const before = mean(joined.map((one) => accuracy(one, 'before')));
      const after = mean(joined.map((one) => accuracy(one, 'after')));
      if (before === 0) return undecided('the baseline answers nothing rightly');
      // Rounding must not decide a share that is exactly the limit.
      const lost = Number((1 - after / before).toFixed(12));
      return against(Number((1 - kept).toFixed(12)), lost, `${percent(after / before, 2)} kept`);
    }),
}));

export const flips: Judge = {
  ...base,
  name: 'flips',
  rule: `more than ${percent(FLIPS)} of the answers turn right or wrong`,
  judge: ({ answers }): JudgeAnswer =>
    of(answers, (joined) => {
      const { flips: share } = secondaryOf(joined);
      return against(FLIPS, share, `${percent(share, 2)} turned`);
    }),
};

export const kl: Judge = {
  ...base,
  name: 'kl',
  rule: `KL(baseline ‖ variant) over the choices is above ${KL} nats an item, or no number`,
  judge: ({ answers }): JudgeAnswer =>
    of(answers, (joined) => {
      if (joined.every(hasNoChoices)) return undecided('no benchmark has choices');
      const { klOverChoices: divergence } = secondaryOf(joined);
      if (divergence === null) return against(KL, Infinity, 'the answers are not finite');
      return against(KL, divergence, `${divergence.toPrecision(3)} nats an item`);
    }),
};

function of(
  answers: readonly JoinedBenchmark[] | null,
  judge: (joined: readonly JoinedBenchmark[]) => JudgeAnswer,
): JudgeAnswer {
  if (answers === null) return undecided('no outcomes');
  return answers.length === 0 ? undecided('no items in this half') : judge(answers);
}

function accuracy({ pairs, ...arms }: JoinedBenchmark, which: 'before' | 'after'): number {
  return pairs.filter((pair) => arms[which].correct[pair[which]] === true).length / pairs.length;
}

function hasNoChoices({ before, pairs }: JoinedBenchmark): boolean {
  return pairs.every((pair) => (before.logLikelihoods[pair.before]?.length ?? 0) === 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(fraction: number, digits = 0): string {
  return `${(100 * fraction).toFixed(digits)} %`;
}
