// The shape of tools/: folders that a reader can take in at a glance, each with a place in the order of imports.
import { execaSync } from 'execa';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const MOST_FILES = 16;

/** Source files that git knows or would add, by folder. */
function sources(extension: RegExp): Map<string, string[]> {
  const { stdout } = execaSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'tools'], {
    cwd: ROOT,
  });
  const files = stdout.split('\n').filter((path) => extension.test(path) && existsSync(join(ROOT, path)));
  const folders = new Map<string, string[]>();
  for (const file of files) folders.set(dirname(file), [...(folders.get(dirname(file)) ?? []), file]);
  return folders;
}

test(`no folder of tools/ holds more than ${MOST_FILES} source files`, () => {
  const folders = sources(/\.(ts|py|mjs|js)$/);
  expect(folders.size).toBeGreaterThan(40);
  for (const folder of [
    'tools/results/analysis',
    'tools/python/validation/edits',
    'tools/python/tests/cells',
  ]) {
    expect(folders.get(folder)?.length ?? 0, folder).toBeGreaterThan(3);
  }
  const full = [...folders].filter(([, files]) => files.length > MOST_FILES);
  expect(full.map(([folder, files]) => `${folder}: ${files.length}`)).toEqual([]);
});

test('the order of imports names every folder of TypeScript once, and none that is gone', async () => {
  const { FOLDERS } = (await import(join(ROOT, '.dependency-cruiser.mjs'))) as { FOLDERS: string[] };
  expect([...FOLDERS].sort()).toEqual([...sources(/\.ts$/).keys()].sort());
});
