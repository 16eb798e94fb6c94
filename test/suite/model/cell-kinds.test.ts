// Every kind of cell is known to Nx, which refuses others, and to Python, which runs the module of its name.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CELL_KINDS } from '../../../tools/suite/model/cell.js';
import { REPOSITORY } from '../../support/repository.js';

const read = (path: string): string => readFileSync(join(REPOSITORY, 'tools', path), 'utf8');

test("the executor's schema takes every kind", () => {
  const schema = JSON.parse(read('executors/cell.schema.json')) as {
    properties: { kind: { enum: string[] } };
  };
  expect(schema.properties.kind.enum).toEqual([...CELL_KINDS]);
});

test('Python has a module of every kind, and none more', () => {
  const modules = readdirSync(join(REPOSITORY, 'tools/python/validation/cells'))
    .filter((name) => name.endsWith('.py') && name !== '__init__.py')
    .map((name) => name.replace(/\.py$/, ''));
  expect(modules.sort()).toEqual([...CELL_KINDS].sort());
});
