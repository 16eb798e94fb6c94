// Text that is no YAML: each with its place, the value and what is allowed.
import { expect, test } from 'vitest';
import { diagnostics } from './parse.js';

const MODEL = 'models: [{id: org/model-7b}]\n';

test.each<[what: string, text: string, expected: string[]]>([
  [
    'a setting twice',
    `${MODEL}tier: balanced\ntier: aggressive\n`,
    ['3:1: not valid YAML: Map keys must be unique'],
  ],
  [
    'a bracket left open',
    'models: [{id: m-7b}\ntier: balanced\n',
    ['2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ],
  [
    'a tab for an indent',
    'models:\n\t- id: m-7b\n',
    ['2:1: not valid YAML: Tabs are not allowed as indentation'],
  ],
  [
    'an unknown tag',
    'models: !python/object [{id: m-7b}]\n',
    ['1:9: not valid YAML: Unresolved tag: !python/object'],
  ],
  [
    'an alias to nothing',
    'models: *none\n',
    ['1:9: not valid YAML: no anchor named "none" stands before this alias'],
  ],
  ['two documents', `${MODEL}---\n${MODEL}`, ['2:1: not valid YAML: a second document begins here']],
  ['a file of endless length', `# ${'x'.repeat(1 << 20)}\n`, ['1:1: longer than 1048576 characters']],
  [
    'a key that is no text',
    `${MODEL}? [a, b]\n: 1\n`,
    ['2:3: not valid YAML: With stringKeys, all keys must be strings'],
  ],
  [
    'a prototype as a key',
    `${MODEL}runs: {__proto__: 1, constructor: 2}\n`,
    [
      '2:8: runs: unknown setting "__proto__". Allowed here: calibration, clean, stress, ladder, nulls, repeat',
      '2:22: runs: unknown setting "constructor". Allowed here: calibration, clean, stress, ladder, nulls, repeat',
    ],
  ],
])('%s', (_, text, expected) => {
  expect(diagnostics(text)).toEqual(expected);
});
