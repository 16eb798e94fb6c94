// The formats that TypeScript knows are rows of Python's table, run by the same packages.
import { execa } from 'execa';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageOf, WEIGHT_FORMATS } from '../../../tools/suite/model/weight-formats.js';
import { REPOSITORY } from '../../support/repository.js';

test('every format that is evaluated as it is has its package in both tables', async () => {
  const program =
    'import json; from validation.formats.table import FORMATS; ' +
    'print(json.dumps({row.name: row.package for row in FORMATS if row.package}))';
  const { stdout } = await execa(join(REPOSITORY, '.venv/bin/python'), ['-c', program], {
    env: { PYTHONPATH: join(REPOSITORY, 'tools/python') },
  });
  const known = Object.fromEntries(WEIGHT_FORMATS.map((name) => [name, packageOf(name).split('==')[0]]));
  expect(JSON.parse(stdout)).toEqual(known);
});
