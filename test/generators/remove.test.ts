// Suites listed, and taken out of the workspace: what was made goes, what is a person's own stays.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { logger } from '@nx/devkit';
import { expect, test, vi } from 'vitest';
import { GeneratorError } from '../../tools/generators/generator-error.js';
import removeGenerator from '../../tools/generators/remove.js';
import suiteGenerator from '../../tools/generators/suite.js';
import { SUITE, Workspace } from './workspace.js';

async function saidBy(act: () => Promise<unknown>): Promise<string> {
  const info = vi.spyOn(logger, 'info').mockImplementation(() => undefined);
  try {
    await act();
    return info.mock.calls.flat().join('\n');
  } finally {
    info.mockRestore();
  }
}

test('without a name the suites are listed with their descriptions, and nothing is written', async () => {
  using workspace = new Workspace();
  const list = (): Promise<string> =>
    saidBy(async () => {
      expect(await workspace.generate((tree) => suiteGenerator(tree, {}, {}))).toEqual([]);
    });
  expect(await list()).toContain('There are no suites yet.');
  workspace.write('suites/x/suite.yaml', `description: What we ship\n${SUITE}`);
  workspace.write('suites/torn/suite.yaml', 'models: [');
  expect(await list()).toContain('x     What we ship (no projects yet)');
  await workspace.generate((tree) => suiteGenerator(tree, { name: 'x' }, {}));
  const said = await list();
  expect(said).toMatch(/^ {2}x {5}What we ship$/m);
  expect(said).toMatch(/^ {2}torn {2} ?\(no projects yet\)$/m);
  expect(said).toContain('npx nx g ./tools:remove <name>');
});

test("a suite's projects and suite.yaml go; other suites, files of one's own and results stay", async () => {
  using workspace = new Workspace();
  for (const name of ['x', 'y']) {
    workspace.write(`suites/${name}/suite.yaml`, SUITE);
    await workspace.generate((tree) => suiteGenerator(tree, { name }, {}));
  }
  workspace.write('suites/x/tasks/mine.yaml', 'task: mine\n');
  workspace.write('output/x/results.json', '{}');
  const before = readdirSync(join(workspace.root, 'suites/y'), { recursive: true });
  const dry = await workspace.dryRun((tree) => {
    removeGenerator(tree, { name: 'x' });
  });
  expect(dry.changes.every(({ type }) => type === 'DELETE')).toBe(true);
  const said = await saidBy(() =>
    workspace.generate((tree) => {
      removeGenerator(tree, { name: 'x' });
    }),
  );
  const left = readdirSync(join(workspace.root, 'suites/x'), { recursive: true, withFileTypes: true });
  expect(left.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual(['mine.yaml']);
  expect(said).toContain('it stays in suites/x: tasks');
  expect(said).toContain('Its results stay in output/x');
  expect(workspace.read('output/x/results.json')).toBe('{}');
  expect(readdirSync(join(workspace.root, 'suites/y'), { recursive: true })).toEqual(before);
  await expect(
    workspace.generate((tree) => {
      removeGenerator(tree, { name: 'x' });
    }),
  ).rejects.toThrow(GeneratorError);
});
