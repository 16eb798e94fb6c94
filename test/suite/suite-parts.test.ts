import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { minimumsOf, minimumViolations, TIERS } from '../../tools/suite/model/minimums.js';
import { formatJson } from '../../tools/suite/nx/format-json.js';
import {
  editNameProblem,
  modelNameProblem,
  nameFromSource,
  suiteNameProblem,
} from '../../tools/suite/model/names.js';
import { guessSizeClass, SIZE_TABLE, validWindows } from '../../tools/suite/model/size-classes.js';
import { SIZE_CLASSES } from '../../tools/suite/model/cell.js';
import type { JsonValue } from '../../tools/base/json-value.js';
import { editDistance, nearest } from '../../tools/suite/yaml/suggest.js';

describe('names', () => {
  test.each([
    ['mistralai/Mistral-7B-v0.1', 'mistral-7b-v01'],
    ['/data/My Models/GPT 2/', 'gpt_2'],
    ['gpt2', 'gpt2'],
    ['../..', ''],
  ])('of %s: %s', (source, name) => {
    expect(nameFromSource(source)).toBe(name);
  });

  test('that pass can neither leave a directory nor be taken for an option', () => {
    const tricky = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('.', '/', '-', 'a', '\\', '\n', '_', ':') }),
    );
    fc.assert(
      fc.property(tricky, (name) => {
        if (modelNameProblem(name) !== undefined) return;
        expect(name).toMatch(/^[a-z0-9][a-z0-9_-]*$/);
        expect(name).not.toContain('\n');
      }),
    );
  });

  test('that would meet other directories or projects are reserved', () => {
    expect(modelNameProblem('presets')).toContain('reserved');
    expect(editNameProblem('calibration')).toContain('reserved');
    expect(editNameProblem('error_of_mine')).toContain('injected errors');
    expect(suiteNameProblem('tools')).toContain('reserved');
  });
});

describe('minimums', () => {
  test.each(SIZE_CLASSES.flatMap((sizeClass) => TIERS.map((tier) => [sizeClass, tier] as const)))(
    'default windows of %s are valid for tier %s',
    (sizeClass, tier) => {
      for (const provider of ['wikitext2', 'local_jsonl'] as const) {
        const windows = validWindows(sizeClass, tier, provider);
        expect(minimumViolations(tier, windows, minimumsOf(tier).bootstrap)).toEqual([]);
      }
    },
  );

  test.each([
    // 84 and 112 real tokens a row, and a fifth to spare over 50,000.
    ['70b', 'balanced', 'wikitext2', 360],
    ['7b', 'balanced', 'wikitext2', 270],
    ['30b', 'aggressive', 'wikitext2', 270],
    ['70b', 'conservative', 'wikitext2', 220],
    ['70b', 'balanced', 'local_jsonl', 200],
    ['7b', 'conservative', 'local_jsonl', 220],
  ] as const)(
    'rows of a padded text are as many as their tokens: %s, %s, %s',
    (size, tier, provider, count) => {
      expect(validWindows(size, tier, provider)).toMatchObject({ preview: count, final: count });
    },
  );

  test('the reference table is refused, number by number', () => {
    const { reference, bootstrap } = SIZE_TABLE['70b'];
    expect(minimumViolations('balanced', reference, bootstrap)).toMatchInlineSnapshot(`
      [
        {
          "message": "8 is below InvarLock's minimum for tier balanced: at least 180",
          "setting": "preview",
        },
        {
          "message": "8 is below InvarLock's minimum for tier balanced: at least 180",
          "setting": "final",
        },
        {
          "message": "1000 is below InvarLock's minimum for tier balanced: at least 1200",
          "setting": "bootstrap",
        },
        {
          "message": "64 differs from seq_len: InvarLock refuses overlapping or spaced windows; use 128",
          "setting": "stride",
        },
        {
          "message": "360 windows of 128 tokens are 46080 tokens; tier balanced asks at least 49000: raise seq_len to 137 or preview + final to 383",
          "setting": "seq_len",
        },
      ]
    `);
  });

  test('windows just at the minimums pass, one token fewer does not', () => {
    const windows = { seq_len: 128, stride: 128, preview: 192, final: 191 };
    expect(minimumViolations('balanced', windows, 1200)).toEqual([]);
    expect(
      minimumViolations('balanced', { ...windows, preview: 191 }, 1200).map((found) => found.setting),
    ).toEqual(['seq_len']);
  });
});

describe('size classes', () => {
  test.each([
    ['mistralai/Mistral-7B-v0.1', '7b'],
    ['NousResearch/Llama-2-13b-hf', '13b'],
    ['Qwen/Qwen2.5-14B', '13b'],
    ['Qwen/Qwen2.5-32B', '30b'],
    ['01-ai/Yi-34B', '40b'],
    ['mistralai/Mixtral-8x7B-v0.1', 'moe'],
    ['NousResearch/Llama-2-70b-hf', '70b'],
    ['Qwen/Qwen1.5-72B', '70b'],
    ['gpt2', 'tiny'],
    ['openai-community/gpt2-medium', 'tiny'],
    ['gpt2-xl', '7b'],
    ['someone/gpt2-like', undefined],
    ['someone/117B', undefined],
  ])('%s is %s', (id, sizeClass) => {
    expect(guessSizeClass(id)).toBe(sizeClass);
  });
});

describe('suggestions', () => {
  test.each([
    ['teir', 'tier'],
    ['clena', 'clean'],
    ['lama', 'llama'],
    ['xyz', undefined],
  ])('%s: %s', (typed, word) => {
    expect(nearest(typed, ['tier', 'clean', 'llama', 'stress'])).toBe(word);
  });

  test('the distance is symmetric, and none only between equals', () => {
    const word = fc.string({ maxLength: 7 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });
});

describe('formatJson', () => {
  test('says the same as JSON.stringify, in lines no longer than they must be', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(formatJson(value as JsonValue))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(formatJson({ a: [1, 2], b: {}, c: ['x'.repeat(60), 'y'.repeat(60)] })).toBe(
      `{\n  "a": [1, 2],\n  "b": {},\n  "c": [\n    "${'x'.repeat(60)}",\n    "${'y'.repeat(60)}"\n  ]\n}\n`,
    );
  });
});
