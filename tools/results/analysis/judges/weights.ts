// A judge that looks at the weights alone: how large is what an edit or an error changed, beside what was there?
import { against, type Judge, type JudgeAnswer, undecided } from './judge.js';

/** A convention of this suite: nobody has set a limit. */
const LIMIT = 0.1;

export const weightError: Judge = {
  name: 'weight-error',
  rule: `‖ΔW‖ ÷ ‖W‖ over the changed matrices is above ${LIMIT}, or no number`,
  readsOutcomes: false,
  reads: ['edit', 'inject', 'adopt', 'program'],
  judge: ({ weightError: error }): JudgeAnswer =>
    error === null
      ? undecided('no relative error of the weights is recorded')
      : against(
          LIMIT,
          error,
          Number.isFinite(error) ? `relative error ${error.toPrecision(3)}` : 'a weight is no finite number',
        ),
};
