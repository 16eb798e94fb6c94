// A new suite.yaml: whatever the options, it is a suite that the loader takes as it is, or a sentence says what is wrong.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ok } from '../../../tools/base/result.js';
import { SIZE_CLASSES } from '../../../tools/suite/model/cell.js';
import { isCheckpoint } from '../../../tools/suite/model/edit-spec.js';
import type { Suite } from '../../../tools/suite/model/suite.js';
import { PROFILES } from '../../../tools/suite/starter/profiles.js';
import {
  starterOf,
  type StarterInput,
  type StarterModelInput,
} from '../../../tools/suite/starter/starter.js';
import { starterText } from '../../../tools/suite/starter/text.js';
import { parsed } from '../parse.js';

const place: StarterInput['place'] = (source) =>
  ok({ source: /^[./]/.test(source) ? { path: source } : { id: source }, called: source });

const TINY: StarterModelInput = {
  source: { path: '../../models/mine' },
  called: '/w/models/mine',
  facts: { bytes: 2_000_000, config: { hidden_size: 128, intermediate_size: 384, num_hidden_layers: 2 } },
};
const HUB: StarterModelInput = {
  source: { id: 'Qwen/Qwen2.5-7B' },
  called: 'Qwen/Qwen2.5-7B',
  facts: { bytes: 15_231_233_024, config: { hidden_size: 3584, max_position_embeddings: 131_072 } },
};

function textOf(input: Partial<StarterInput>): string {
  const starter = starterOf({ name: 'x', models: [TINY], place, ...input });
  if (!starter.ok) throw new Error(starter.error.join('\n'));
  return starterText(starter.value);
}

const made = (input: Partial<StarterInput>): Suite => parsed(textOf(input));

function problemsOf(input: Partial<StarterInput>): string[] {
  const starter = starterOf({ name: 'x', models: [TINY], place, ...input });
  return starter.ok ? [] : starter.error;
}

const editsOf = (suite: Suite, model = 0): string[] =>
  (suite.models[model]?.edits ?? []).map(({ name, class: editClass }) => `${editClass} ${name}`);

describe('what is left out', () => {
  test('fits a small model: few runs and items, short windows, ranks that change it', () => {
    const suite = made({});
    expect(suite.evalLimit).toBe(800);
    expect(suite.models[0]).toMatchObject({
      name: 'mine',
      sizeClass: 'tiny',
      source: { type: 'path', path: 'models/mine' },
      runs: { calibration: 2, clean: 1, stress: 1 },
      invarlock: { windows: { seq_len: 256, stride: 256, preview: 240, final: 240 } },
    });
    expect(editsOf(suite)).toEqual([
      'clean quant_8bit_clean',
      'clean prune_10pct_clean',
      'stress quant_3bit_stress',
      'stress prune_50pct_stress',
      'stress svd_rank32_stress',
    ]);
  });

  test('fits a large one: the windows of its class, eight edits', () => {
    const suite = made({ models: [HUB] });
    expect(suite.evalLimit).toBe(2000);
    expect(suite.models[0]).toMatchObject({ name: 'qwen25-7b', sizeClass: '7b', runs: { calibration: 3 } });
    expect(suite.models[0]?.invarlock.windows).toMatchObject({ seq_len: 2048, preview: 270 });
    expect(editsOf(suite)).toHaveLength(8);
    expect(editsOf(suite)).toContain('clean svd_rank256_clean');
  });

  test('profile seed is the original script, whatever the size', () => {
    const suite = made({ models: [HUB], profile: 'seed' });
    const original = parsed('models: [{ id: Qwen/Qwen2.5-7B }]');
    expect(suite).toEqual({ ...original, description: 'qwen25-7b with profile seed' });
  });

  test.each([
    ['a model with 100 positions', { max_position_embeddings: 100 }, 100],
    ['one with more', { n_positions: 1024 }, 256],
  ])('windows of %s', (_, config, seqLen) => {
    const suite = made({ models: [{ ...TINY, facts: { bytes: 1e6, config } }] });
    const windows = suite.models[0]?.invarlock.windows ?? { seq_len: 0, preview: 0, final: 0 };
    expect(windows).toMatchObject({ seq_len: seqLen, stride: seqLen });
    // InvarLock's 50,000 tokens, of rows of which two thirds of a window are real.
    expect(0.66 * windows.seq_len * (windows.preview + windows.final)).toBeGreaterThan(50_000);
  });
});

describe('size classes', () => {
  test.each([
    [{ bytes: 1.3e9 }, 'a/b', 'tiny'],
    [{ bytes: 3e9 }, 'a/b', '7b'],
    [{ bytes: 29.5e9 }, 'a/b', '13b'],
    [{ bytes: 65.5e9 }, 'a/b', '30b'],
    [{ bytes: 68.8e9 }, 'a/b', '40b'],
    [{ bytes: 145e9 }, 'a/b', '70b'],
    [{ bytes: 93e9, config: { num_local_experts: 8 } }, 'a/b', 'moe'],
    [{ bytes: 2e6, config: { num_local_experts: 8 } }, 'a/b', 'tiny'],
    // Weights are believed before names.
    [{ bytes: 2e6 }, 'a/mistral-7b', 'tiny'],
    [{}, 'a/mistral-7b', '7b'],
    [{}, 'HuggingFaceTB/SmolLM2-135M', 'tiny'],
    [{}, 'Qwen/Qwen2.5-0.5B-Instruct', 'tiny'],
    [{}, 'meta-llama/Llama-3.2-3B', '7b'],
  ] as const)('%j of %s is %s', (facts, id, expected) => {
    expect(made({ models: [{ source: { id }, called: id, facts }] }).models[0]?.sizeClass).toBe(expected);
  });

  test('of what nobody tells are asked for', () => {
    const models = [{ source: { id: 'a/b' }, called: 'a/b', facts: {} }];
    expect(problemsOf({ models })).toEqual([
      `How large a/b is, neither its weights nor its name tell: add --size-class (${SIZE_CLASSES.join(', ')})`,
    ]);
    expect(made({ models, sizeClass: 'moe' }).models[0]?.sizeClass).toBe('moe');
  });
});

describe('options', () => {
  test('edits take the place of the profile’s; two that would have one name have two', () => {
    const suite = made({ edits: ['quant_rtn:8:128:ffn', 'stress=scale:2:all', 'clean=quant_rtn:8:64:all'] });
    expect(editsOf(suite)).toEqual([
      'clean quant_8bit_clean',
      'clean quant_8bit_g64_all_clean',
      'stress scale_2x_stress',
    ]);
  });

  test('a checkpoint stands below its model, beside the edits or without them', () => {
    const checkpoints = ['mine=./q4', 'stress=mine=org/q3', 'qwen25-7b=../baseline', 'mine=/else/q4'];
    const suite = made({ models: [TINY, HUB], checkpoints, edits: ['stress=scale:2:all'] });
    expect(editsOf(suite, 0)).toEqual(['clean q4', 'clean q4-2', 'stress q3', 'stress scale_2x_stress']);
    expect(editsOf(suite, 1)).toEqual(['clean checkpoint-baseline', 'stress scale_2x_stress']);
    const specs = (suite.models[0]?.edits ?? []).flatMap(({ spec }) =>
      isCheckpoint(spec) ? [spec.source] : [],
    );
    expect(specs).toEqual([
      { type: 'path', path: 'suites/x/q4' },
      { type: 'path', path: '/else/q4' },
      { type: 'hub', id: 'org/q3', revision: 'main' },
    ]);
    expect(editsOf(made({ checkpoints: ['./q4'], edits: ['none'] }))).toEqual(['clean q4']);
    const others = made({ models: [TINY, HUB], checkpoints: ['mine=./q4'] });
    expect(editsOf(others, 1)).toHaveLength(8);
  });

  test('benchmarks by their names, as tasks, with shots', () => {
    const benchmarks = ['mmlu', 'arc_easy:3', 'mine=gsm8k:5', 'Task.V2'];
    expect(made({ benchmarks }).benchmarks).toEqual([
      { name: 'mmlu', task: 'mmlu', fewshot: 0 },
      { name: 'arc', task: 'arc_easy', fewshot: 3 },
      { name: 'mine', task: 'gsm8k', fewshot: 5 },
      { name: 'taskv2', task: 'Task.V2', fewshot: 0 },
    ]);
  });

  test.each<[Partial<StarterInput>, string]>([
    [
      { edits: ['quant_rnt:8:128:ffn'] },
      '--edit "quant_rnt:8:128:ffn" begins with none of the edit types; allowed: quant_rtn:<bits>',
    ],
    [
      { edits: ['quant_rtn:99:128:ffn'] },
      '--edit "quant_rtn:99:128:ffn" bits 99 is not allowed. Allowed: a whole number from 2 to 8',
    ],
    [
      { edits: ['mild=scale:2:all'] },
      '"mild" is no class. Allowed: [clean= or stress=] and one of quant_rtn:<bits>',
    ],
    [{ edits: ['none'] }, '--edit none leaves nothing to judge: add --checkpoint'],
    [{ edits: ['none', 'scale:2:all'] }, '--edit "none" begins with none of the edit types'],
    [
      { checkpoints: ['yours=./q4'] },
      '"yours" is no class and no model of this suite. Allowed: [clean= or stress=] [model=]',
    ],
    [{ models: [TINY, HUB], checkpoints: ['./q4'] }, 'which model it was made of is not said. Allowed: '],
    [{ models: [TINY, HUB], checkpoints: ['./q4'] }, 'models: mine, qwen25-7b'],
    [{ benchmarks: ['a b'] }, '--benchmark "a b" is not allowed. Allowed: [name=]task[:few-shots]'],
    [{ benchmarks: ['mmlu:1001'] }, 'few-shots from 0 to 1000'],
    [{ benchmarks: ['X Y=mmlu'] }, 'is no plain name'],
    [{ benchmarks: ['a=mmlu', 'a=arc'] }, 'a second benchmark named "a"'],
  ])('%j is refused with what is allowed', (input, words) => {
    expect(problemsOf(input).join('\n')).toContain(words);
  });

  test('all mistakes are told at once', () => {
    expect(problemsOf({ edits: ['x', 'y'], checkpoints: ['z=./a'], benchmarks: [':'] })).toHaveLength(4);
  });
});

test('what is said beside the values: sizes, batches, the items of a limit, positions', () => {
  const text = textOf({ models: [{ ...TINY, facts: { ...TINY.facts, config: { n_positions: 100 } } }] });
  expect(text).toContain('- path: ../../models/mine # relative to this file');
  expect(text).toContain(
    "size_class: tiny # 1 million numbers, 0.0019 GiB in bf16; all edits in one pass, lm-eval's batches 16",
  );
  // 0.05 · (2.487 / loss)² = 800 at 1.97 points.
  expect(text).toContain('800 show a loss of about 2.0 points');
  expect(text).toContain('no longer: a model has positions for 100 tokens');
  expect(text).toContain('npx nx run x:plan');
  expect(text.split('\n').every((line) => line.length <= 130)).toBe(true);
});

test('any options make a suite that the loader takes as it is, or sentences; never something else', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'models',
      'baseline',
      'error_x',
      '-x',
      'true',
      '1e5',
      '0x1',
      'null',
      'a: b',
      'a #b',
      'Ünï',
      "it's",
      '..',
    ),
    fc.stringMatching(/^[\w ,:#'"{}[\]&*!|>%@`.-]{1,90}$/),
  );
  const model = fc.record({
    source: fc.oneof(
      fc.tuple(fc.constantFrom('../../', '/srv/', './'), word).map(([head, tail]) => ({ path: head + tail })),
      fc.constantFrom({ id: 'gpt2' }, { id: 'a/b-7B' }, { id: '1/2' }, { id: 'Qwen/Qwen2.5-0.5B' }),
    ),
    facts: fc.record({
      bytes: fc.option(fc.integer({ min: 1, max: 2 ** 40 }), { nil: undefined }),
      config: fc.record({
        hidden_size: fc.integer({ min: 2, max: 10_000 }),
        max_position_embeddings: fc.integer({ min: 16, max: 100_000 }),
        num_experts: fc.integer({ min: 0, max: 64 }),
      }),
    }),
  });
  const edits = fc.constantFrom(
    'quant_rtn:8:128:ffn',
    'stress=quant_rtn:8:64:ffn',
    'clean=scale:1.5:all',
    'fp4_quant:e2m1:all',
    'none',
    'x',
  );
  const benchmark = fc.oneof(
    fc.constantFrom('mmlu', 'arc_easy', 'arc', 'boolq:2', 'mine=piqa', '1:1', 'a:b'),
    word,
  );
  let suites = 0;
  fc.assert(
    fc.property(
      fc.array(model, { minLength: 1, maxLength: 3 }),
      fc.option(fc.constantFrom(...PROFILES), { nil: undefined }),
      fc.option(fc.constantFrom(...SIZE_CLASSES), { nil: undefined }),
      fc.array(edits, { maxLength: 4 }),
      fc.array(benchmark, { maxLength: 3 }),
      fc.array(word, { maxLength: 2 }),
      (models, profile, sizeClass, chosen, benchmarks, checkpoints) => {
        const starter = starterOf({
          name: 'x',
          models: models.map((one) => ({
            ...one,
            called: 'id' in one.source ? one.source.id : one.source.path,
          })),
          profile,
          sizeClass,
          edits: chosen,
          benchmarks,
          checkpoints: models.length === 1 ? checkpoints.map((one) => `./${one}`) : [],
          place,
        });
        if (!starter.ok) {
          for (const sentence of starter.error)
            expect(sentence).toMatch(/llowed: |: add --|second benchmark|leaves nothing/);
          return;
        }
        suites += 1;
        const suite = parsed(starterText(starter.value));
        expect(suite.models).toHaveLength(models.length);
        for (const [index, { source }] of models.entries()) {
          const written = suite.models[index]?.source;
          if ('id' in source) expect(written).toMatchObject({ type: 'hub', id: source.id });
          else expect(written).toMatchObject({ type: 'path' });
        }
      },
    ),
    { numRuns: 300, seed: 1 },
  );
  expect(suites).toBeGreaterThan(50);
});
