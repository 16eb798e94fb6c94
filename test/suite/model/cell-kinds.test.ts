// Every kind of cell is known wherever kinds are listed by hand: to Nx, which refuses others, and to Python.
import { readFileSync } from 'node:fs';
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

test('Python runs every kind', () => {
  const kinds = /^KINDS = \(([^)]*)\)/m.exec(read('python/validation/__main__.py'))?.[1] ?? '';
  expect(kinds.replaceAll(/["\s]/g, '').split(',')).toEqual([...CELL_KINDS]);
});
