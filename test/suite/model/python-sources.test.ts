import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CELL_KINDS } from '../../../tools/suite/model/cell.js';
import { PYTHON_PACKAGE, pythonSources } from '../../../tools/suite/model/python-sources.js';
import { REPOSITORY } from '../../support/repository.js';

const IMPORT =
  /^( *)(?:from +(validation(?:\.\w+)*|\.+[\w.]*) +import +(\([^)]*\)|[^\n#]+)|import +(validation(?:\.\w+)+))/gm;

/** Files of the package that a file imports, those of the packages on the way included. */
function imports(path: string): string[] {
  const text = readFileSync(join(REPOSITORY, path), 'utf8');
  return [...text.matchAll(IMPORT)].flatMap(([line, , from, names = '', whole]) => {
    if (from?.startsWith('.') === true) throw new Error(`${path}: relative import: ${line}`);
    const module = from ?? whole ?? '';
    const members = names
      .replaceAll(/[()]|#.*/g, '')
      .split(',')
      .map((name) => `${module}.${name.trim().split(' ')[0] ?? ''}`);
    return [module, ...members].flatMap(files);
  });
}

/** `validation.edits.base` → the module's file, and `__init__.py` of each package above it. */
function files(module: string): string[] {
  const segments = module.split('.').slice(1);
  const directories = segments.map((_, depth) => [PYTHON_PACKAGE, ...segments.slice(0, depth + 1)].join('/'));
  const packages = directories.map((directory) => `${directory}/__init__.py`);
  const own = directories.at(-1);
  return [`${PYTHON_PACKAGE}/__init__.py`, ...packages, ...(own === undefined ? [] : [`${own}.py`])].filter(
    (path) => existsSync(join(REPOSITORY, path)),
  );
}

function closure(start: readonly string[]): Set<string> {
  const found = new Set<string>();
  const waiting = [...start];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    waiting.push(...imports(path));
  }
  return found;
}

describe('the table of Python files', () => {
  test.each(CELL_KINDS)('for %s holds what its module imports, and nothing else', (kind) => {
    const entry = ['__init__', '__main__', 'cells/__init__', `cells/${kind}`].map(
      (module) => `${PYTHON_PACKAGE}/${module}.py`,
    );
    expect(pythonSources(kind)).toEqual([...closure(entry)].sort());
  });

  test('holds all, as no module imports its own package within a function', () => {
    const all = new Set(CELL_KINDS.flatMap((kind) => pythonSources(kind)));
    for (const path of all) {
      const hidden = [...readFileSync(join(REPOSITORY, path), 'utf8').matchAll(IMPORT)].filter(
        ([, indent]) => indent !== '',
      );
      expect(
        hidden.map(([line]) => line.trim()),
        path,
      ).toEqual([]);
    }
  });
});
