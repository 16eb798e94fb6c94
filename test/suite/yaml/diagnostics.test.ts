// What holds for all mistakes: every one in one go, each in its place, and never an exception.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSuite } from '../../../tools/suite/load/load.js';
import { loaded, diagnostics } from '../parse.js';

const TINY = 'models: [{name: m, facts: {architecture: llama}}]\n';

describe('every mistake in one go', () => {
  test('of all sorts, in the order of the file', () => {
    const text = `teir: balanced
models:
  - {name: a/b, facts: {architecture: llama}}
  - {id: gpt5, trust_remote_code: maybe}
  - {id: org/gpt5, size_class: tiny}
edits: {clean: ['quant_rtn:9:128:ffn', 'quant_rtn:8:64:ffn', 'quant_rtn:8:128:all']}
runs: {clean: three, repat: fresh}
dataset: {provider: local_jsonl, file: data/nope.jsonl, feild: text}
windows: {tiny: {preview: 100, stride: 64}, 6b: {}}
errors: [zero_layer, zero_layer, nan_injektion]
`;
    const places = diagnostics(text).map((diagnostic) => diagnostic.split(' ').slice(0, 2).join(' '));
    expect(places).toEqual([
      '1:1: unknown',
      '3:12: models[0].name:',
      '4:5: models[1].size_class:',
      '4:35: models[1].trust_remote_code:',
      '5:5: models[2]:',
      '6:17: edits.clean[0]:',
      '6:62: edits.clean[2]:',
      '7:15: runs.clean:',
      '7:22: runs:',
      '8:40: dataset.file:',
      '8:57: dataset:',
      '9:17: windows.tiny.seq_len:',
      '9:27: windows.tiny.preview:',
      '9:40: windows.tiny.stride:',
      '9:45: windows:',
      '10:22: errors[1]:',
      '10:34: errors[2]:',
    ]);
  });

  test('a stride is judged though the tier is unknown; minimums of a tier are not', () => {
    const text = `${TINY}tier: dev\nwindows: {tiny: {preview: 100, stride: 64}}\n`;
    expect(diagnostics(text).map((diagnostic) => diagnostic.split(' ')[1])).toEqual([
      'tier:',
      'windows.tiny.stride:',
    ]);
  });

  test("the original script's windows are a warning, for they were asked for", () => {
    const { warnings, suite } = loaded('models: [{id: org/m-70b}]\nwindows: reference\n');
    expect(suite.models[0]?.invarlock.windows).toEqual({ seq_len: 128, stride: 64, preview: 8, final: 8 });
    expect(warnings.map(({ line, col }) => `${line}:${col}`)).toEqual([
      '2:10',
      '2:10',
      '2:10',
      '2:10',
      '2:10',
    ]);
  });
});

describe('nothing a person writes makes it throw', () => {
  const none = (): { kind: 'none' } => ({ kind: 'none' });

  test('text of any kind', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.nat({ max: 0x2ff }).map((code) => String.fromCharCode(code)) }),
        (text) => void parseSuite('x', text, none),
      ),
    );
  });

  test('any value under any setting', () => {
    const keys = [
      'tier',
      'models',
      'edits',
      'errors',
      'runs',
      'dataset',
      'windows',
      'invarlock',
      'evaluation',
      'guards',
      'benchmarks',
    ];
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>({ clean: [{}] }, [{ facts: {} }], { tiny: null }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), value), (suite) => {
        const result = parseSuite('x', JSON.stringify(suite), none);
        for (const diagnostic of result.ok ? [] : result.error) {
          expect(diagnostic.line).toBeGreaterThan(0);
          expect(diagnostic.col).toBeGreaterThan(0);
          expect(diagnostic.message).not.toContain('undefined');
        }
      }),
    );
  });
});
