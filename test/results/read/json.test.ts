import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTolerantJson } from '../../../tools/results/read/json.js';

describe('parseTolerantJson', () => {
  test('bare NaN and infinities become the numbers they name', () => {
    expect(parseTolerantJson('{"a": NaN, "b": [Infinity, -Infinity, 1]}')).toEqual({
      a: NaN,
      b: [Infinity, -Infinity, 1],
    });
  });

  test('the words inside strings and keys stay text, escaped quotes included', () => {
    const text = String.raw`{"NaN": "NaN \" NaN", "x": NaN, "path": "C:\\", "y": Infinity}`;
    expect(parseTolerantJson(text)).toEqual({ NaN: 'NaN " NaN', x: NaN, path: 'C:\\', y: Infinity });
  });

  test('a string that looks like the replacement stays a string', () => {
    expect(parseTolerantJson('["non-finite:NaN", NaN]')).toEqual(['non-finite:NaN', NaN]);
  });

  test.each(['', '{', '{"a": NaN', '{"a": "NaN', '[NaNa]', '{"a": nan}', 'undefined'])(
    'what is not JSON is refused: %j',
    (text) => {
      expect(() => parseTolerantJson(text)).toThrow(SyntaxError);
    },
  );

  test('reads what Python would write of any JSON value with non-finite numbers in it', () => {
    const number = fc.oneof(fc.double({ noNaN: false }), fc.constantFrom(NaN, Infinity, -Infinity));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        number,
        fc.string(),
        fc.constantFrom('NaN', '-Infinity', '"NaN', '\\'),
        fc.constant(null),
        fc.array(tie('value')),
        fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
      ),
    }));
    const pythonText = (of: unknown): string => {
      if (typeof of === 'number') return Object.is(of, -0) ? '-0' : String(of);
      if (Array.isArray(of)) return `[${of.map(pythonText).join(', ')}]`;
      if (typeof of !== 'object' || of === null) return JSON.stringify(of);
      return `{${Object.entries(of)
        .map(([key, inner]) => `${JSON.stringify(key)}: ${pythonText(inner)}`)
        .join(', ')}}`;
    };
    fc.assert(
      fc.property(value, (sample) => {
        expect(parseTolerantJson(pythonText(sample))).toEqual(sample);
      }),
    );
  });
});
