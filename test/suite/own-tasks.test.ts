// Benchmarks of a suite's own: code that their files name, and what generation costs in plans.
import { describe, expect, test } from 'vitest';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { unitsOf } from '../../tools/suite/plan/schedule.js';
import { diagnostics, parsed, type Files } from './parse.js';

const SUITE = `models: [{id: org/model-7b, name: m}]
benchmarks: [{name: mine, task: mine}]
evaluation: {tasks: tasks}
`;
const TRUSTED = SUITE.replace('tasks: tasks', 'tasks: tasks, trust_task_code: true');
const CODE =
  'task: mine\ndataset_path: json\nprocess_docs: !function utils.docs\nmetric_list:\n  - {metric: !function utils.score}\n';
const files = (text: string): Files => ({ 'suites/x/tasks': null, 'suites/x/tasks/deep/mine.yaml': text });

describe('code of a task', () => {
  test('is named with its file and place until suite.yaml allows it', () => {
    expect(diagnostics(SUITE, files(CODE))).toEqual([
      expect.stringMatching(
        /^3:\d+: evaluation\.tasks: runs Python: suites\/x\/tasks\/deep\/mine\.yaml \(!function utils\.docs, !function utils\.score\)\. Read it, then allow it: evaluation: \{ trust_task_code: true \}$/,
      ),
    ]);
    expect(diagnostics(TRUSTED, files(CODE))).toEqual([]);
  });

  test('is nothing where a text only speaks of it', () => {
    const text = 'task: mine\n# doc: !function utils.x\ndoc_to_text: "!function utils.y"\n';
    expect(diagnostics(SUITE, files(text))).toEqual([]);
  });

  test('is allowed in evaluations, and in what fetches their data; other suites keep their specs', () => {
    const cells = planSuite(parsed(TRUSTED, files(CODE.replace('json', 'org/data'))));
    const trusting = cells.filter(({ parts }) => parts.some(({ spec }) => spec.trust_task_code === true));
    expect(new Set(trusting.map(({ kind }) => kind))).toEqual(new Set(['data', 'eval']));
    const before = planSuite(parsed(SUITE.replace('evaluation: {tasks: tasks}', '')));
    const after = planSuite(parsed(SUITE.replace('tasks: tasks', 'trust_task_code: true')));
    expect(after).toEqual(before);
  });
});

describe('a task that has the model write', () => {
  const written = (most: string): string =>
    `task: mine\ndataset_path: json\noutput_type: generate_until\ngeneration_kwargs: {${most}}\n`;
  const units = (text: string, suite = SUITE): number => {
    const cell = planSuite(parsed(suite, files(text))).find(({ kind }) => kind === 'eval');
    if (cell === undefined) throw new Error('no evaluation');
    return unitsOf(cell);
  };

  test('takes as much longer as it writes', () => {
    expect(units('task: mine\noutput_type: multiple_choice\n')).toBe(1);
    expect(units(written('max_gen_toks: 400'))).toBe(10);
    expect(units(written('max_new_tokens: 80'))).toBe(2);
    // A few tokens take no less than an item does anyway.
    expect(units(written('max_gen_toks: 4'))).toBe(1);
    // lm-eval's own default.
    expect(units(written(''))).toBe(6.4);
    const limited = SUITE.replace('tasks: tasks', 'tasks: tasks, limit: 100');
    expect(units(written('max_gen_toks: 400'), limited)).toBe(1);
  });

  test('is known where it is well-known', () => {
    const of = (task: string): number => units('task: other\n', SUITE.replace('task: mine', `task: ${task}`));
    // 1,319 items of 256 tokens, where commonsense_qa has 1,221 of choices: rounded up to the least there is.
    expect(of('gsm8k')).toBeCloseTo((6.4 * 1_319) / 6_630.75, 2);
    expect(of('commonsense_qa')).toBe(0.25);
  });

  test('says so in its own cell alone', () => {
    const spec = (text: string): unknown =>
      planSuite(parsed(SUITE, files(text))).find(({ kind }) => kind === 'eval')?.parts[0]?.spec.benchmarks;
    const fewshot: unknown = expect.any(Number);
    expect(spec(written('max_gen_toks: 9'))).toEqual([{ name: 'mine', task: 'mine', fewshot, generates: 9 }]);
    expect(spec('task: mine\n')).toEqual([{ name: 'mine', task: 'mine', fewshot }]);
  });
});
