// A judge that looks at the weights alone: how large is what an edit changed, beside what was there?
import { against, type Judge, type JudgeAnswer, undecided } from './judge.js';

/** A convention of this suite: nobody has set a limit. */
const LIMIT = 0.1;

export const weightError: Judge = {
  name: 'weight-error',
  rule: `‖ΔW‖ ÷ ‖W‖ over the edited matrices is above ${LIMIT}`,
  readsOutcomes: false,
  reads: ['edit'],
  judge: ({ weightError: error }): JudgeAnswer =>
    error === null
      ? undecided('no relative error of the weights is recorded')
      : against(LIMIT, error, `relative error ${error.toPrecision(3)}`),
};
