// What `clean` would free of a suite, and what it only names: downloads go by --baselines, in the suite or no longer.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  clean,
  describeRemovable,
  storedWeights,
  type CleanOptions,
} from '../../../tools/execution/store/clean.js';
import suiteGenerator from '../../../tools/generators/suite.js';
import { beside } from '../../../tools/suite/model/paths.js';
import { Workspace } from '../../generators/workspace.js';

const suite = (models: string[]): string =>
  `models: [${models.map((name) => `{ name: ${name}, facts: { architecture: llama } }`).join(', ')}]
edits: { clean: ['quant_rtn:8:128:ffn'], stress: [] }
errors: []
`;

/** A link's manifest and receipt, and its entry in the store. */
function store(workspace: Workspace, link: string, letter: string): string {
  const recipe = letter.repeat(64);
  const files = [{ path: 'model.safetensors', bytes: 2 ** 30, sha256: '0' }];
  workspace.write(beside(link).manifest, JSON.stringify({ schema: 1, recipe, files, bytes: 2 ** 30 }));
  workspace.write(beside(link).receipt, '{}');
  mkdirSync(join(workspace.root, '.weights', recipe), { recursive: true });
  return recipe;
}

test('the baseline of a model that the suite no longer has is named and stays, unless --baselines is given', async () => {
  using workspace = new Workspace();
  const options = (baselines: boolean): CleanOptions => ({
    workspaceRoot: workspace.root,
    suite: 'x',
    storageRoot: join(workspace.root, '.weights'),
    baselines,
  });
  workspace.write('suites/x/suite.yaml', suite(['kept']));
  await workspace.generate((tree) => suiteGenerator(tree, { name: 'x' }, { HF_HUB_OFFLINE: '1' }));
  const kept = store(workspace, 'output/x/models/kept/baseline', 'a');
  const edit = store(workspace, 'output/x/kept/models/quant_8bit_clean', 'b');
  const gone = store(workspace, 'output/x/models/gone/baseline', 'c');
  const goneEdit = store(workspace, 'output/x/gone/models/quant_8bit_clean', 'd');
  const data = store(workspace, 'output/x/data/benchmarks/boolq', 'e');

  const stored = storedWeights(options(false));
  expect(stored.removable.map(({ recipe }) => recipe).sort()).toEqual([edit, goneEdit]);
  expect(stored.staying.map(({ recipe }) => recipe).sort()).toEqual([gone, data]);
  const { lines } = await describeRemovable(stored, options(false));
  expect(lines).toContain(
    '     1.0 GiB  output/x/models/gone/baseline (no longer in the suite) stays (--baselines)',
  );
  expect(lines.at(-1)).toContain('2.0 GiB can go: 2 weights');
  await clean(stored.removable, options(false), () => undefined);
  const there = (recipe: string): boolean => existsSync(join(workspace.root, '.weights', recipe));
  expect([kept, edit, gone, goneEdit, data].map(there)).toEqual([true, false, true, false, true]);

  const all = storedWeights(options(true));
  expect(all.staying).toEqual([]);
  expect(all.removable.map(({ recipe }) => recipe).sort()).toEqual([kept, gone, data]);
});

test('copies of weights on this host’s own disk go with --yes, of whatever suite they are', async () => {
  using workspace = new Workspace();
  const staging = join(workspace.root, 'own-disk');
  const options: CleanOptions = {
    ...{ workspaceRoot: workspace.root, suite: 'x', baselines: false, staging },
    storageRoot: join(workspace.root, '.weights'),
  };
  workspace.write('suites/x/suite.yaml', suite(['kept']));
  await workspace.generate((tree) => suiteGenerator(tree, { name: 'x' }, { HF_HUB_OFFLINE: '1' }));
  expect(await describeRemovable(storedWeights(options), options)).toMatchObject({ empty: true });
  const copy = 'f'.repeat(64);
  workspace.write(`own-disk/${copy}/${'a'.repeat(64)}/model.safetensors`, 'w'.repeat(2048));
  const { lines, empty } = await describeRemovable(storedWeights(options), options);
  expect(empty).toBe(false);
  expect(lines).toContain(`     2.0 KiB  copies on this host's own disk (${staging}), of all suites`);
  const said: string[] = [];
  await clean([], options, (line) => said.push(line));
  expect(said).toEqual(['2.0 KiB freed']);
  expect(existsSync(join(staging, copy))).toBe(false);
});
