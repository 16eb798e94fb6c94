// Judges that look at nothing: always, never, and by the name somebody gave the variant. Whoever is no better is no judge.
import { against, type Judge, type JudgeAnswer, undecided } from './judge.js';

const base = { readsOutcomes: false, reads: [] } as const;

export const always: Judge = {
  ...base,
  name: 'always',
  rule: 'everything',
  judge: (): JudgeAnswer => ({
    judgement: 'flagged',
    score: 0,
    margin: null,
    because: 'it flags everything',
  }),
};

export const never: Judge = {
  ...base,
  name: 'never',
  rule: 'nothing',
  judge: (): JudgeAnswer => ({ judgement: 'passed', score: 0, margin: null, because: 'it flags nothing' }),
};

export const byName: Judge = {
  ...base,
  name: 'by-name',
  rule: 'the variant is called stress or error',
  judge: ({ class: name }): JudgeAnswer =>
    name === 'ladder'
      ? undecided('nothing is expected of a step of a ladder')
      : against(0.5, name === 'clean' ? 0 : 1, `called ${name}`),
};
