import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OFFERED_PROVIDERS, REFUSED_PROVIDERS, refusalOf } from '../../../tools/suite/model/providers.js';
import { REPOSITORY } from '../../support/repository.js';

test('every provider that the installed InvarLock knows is offered, or refused with a reason', () => {
  const libraries = join(REPOSITORY, '.venv/lib');
  const [python = ''] = readdirSync(libraries);
  const source = readFileSync(join(libraries, python, 'site-packages/invarlock/eval/data.py'), 'utf8');
  const registry = /^_PROVIDERS: .* = \{\n([^}]*)^\}/m.exec(source)?.[1] ?? '';
  const known = [...registry.matchAll(/"(\w+)":/g)].map(([, name]) => name);
  expect(known.length).toBeGreaterThan(5);
  expect([...OFFERED_PROVIDERS, ...Object.keys(REFUSED_PROVIDERS)].sort()).toEqual(known.sort());
});

test('a word that is none of its providers is not told of as one', () => {
  expect(refusalOf('jsonl')).toBeUndefined();
  expect(refusalOf('toString')).toBeUndefined();
});
