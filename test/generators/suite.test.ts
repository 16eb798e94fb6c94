import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { logger } from '@nx/devkit';
import { describe, expect, test, vi } from 'vitest';
import { GeneratorError } from '../../tools/generators/generator-error.js';
import suiteGenerator from '../../tools/generators/suite.js';
import syncGenerator from '../../tools/generators/sync.js';
import { readGeneratedSuite } from '../../tools/suite/nx/generated.js';
import { requireRecorded } from '../../tools/suite/nx/record.js';
import { SUITE, Workspace } from './workspace.js';

async function generate(
  workspace: Workspace,
  name = 'x',
  environment: NodeJS.ProcessEnv = {},
): Promise<string[]> {
  return workspace.generate((tree) => suiteGenerator(tree, { name }, environment));
}

/** What the generator says instead of writing. */
async function generatorError(workspace: Workspace, name = 'x'): Promise<string[]> {
  const before = readdirSync(workspace.root, { recursive: true });
  try {
    await generate(workspace, name);
  } catch (error) {
    expect(error).toBeInstanceOf(GeneratorError);
    expect((error as GeneratorError).stack).toBe('');
    expect(readdirSync(workspace.root, { recursive: true })).toEqual(before);
    return (error as GeneratorError).message.split('\n');
  }
  throw new Error('the generator had nothing to say');
}

describe('nx g ./tools:suite', () => {
  test('writes a project a variant, then has nothing to change', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    const created = await generate(workspace);
    expect(created).toHaveLength(2 + (1 + 1 + 2 + 1) + (1 + 8 + 1));
    expect(created.every((change) => change.startsWith('CREATE suites/x/'))).toBe(true);
    const said = vi.spyOn(logger, 'info').mockImplementation(() => undefined);
    expect(await generate(workspace)).toEqual([]);
    expect(said.mock.calls).toEqual([['Suite x is up to date; nothing was written']]);
    said.mockRestore();
  });

  test('writes nothing in a dry run', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    const { changes } = await workspace.dryRun((tree) => suiteGenerator(tree, { name: 'x' }, {}));
    expect(changes).toHaveLength(17);
    expect(readdirSync(join(workspace.root, 'suites/x'))).toEqual(['suite.yaml']);
  });

  test('changes only what an edit of suite.yaml changes', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    await generate(workspace);
    workspace.write('suites/x/suite.yaml', SUITE.replace('lowrank_svd:4:ffn', 'lowrank_svd:2:ffn'));
    expect((await generate(workspace)).sort()).toEqual([
      'CREATE suites/x/m/svd_rank2_clean/project.json',
      'DELETE suites/x/m/svd_rank4_clean',
      'DELETE suites/x/m/svd_rank4_clean/project.json',
      'UPDATE suites/x/m/edits/project.json',
      'UPDATE suites/x/project.json',
    ]);
    expect(await generate(workspace)).toEqual([]);
  });

  test('takes away a model with its directory, but no file of anyone else', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    await generate(workspace);
    workspace.write('suites/x/n/baseline/notes.md', 'mine');
    workspace.write('suites/x/n/mine/project.json', '{"name": "mine"}');
    workspace.write(
      'suites/x/suite.yaml',
      SUITE.split('\n')
        .filter((line) => !line.includes('name: n'))
        .join('\n'),
    );
    await generate(workspace);
    expect(readdirSync(join(workspace.root, 'suites/x/n')).sort()).toEqual(['baseline', 'mine']);
    expect(readdirSync(join(workspace.root, 'suites/x/n/baseline'))).toEqual(['notes.md']);
    expect(workspace.read('suites/x/n/mine/project.json')).toBe('{"name": "mine"}');
  });

  test('refuses to write over a project.json it did not make, and names each', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    workspace.write('suites/x/m/baseline/project.json', '{"name": "mine"}');
    workspace.write('suites/x/project.json', 'torn {');
    expect(await generatorError(workspace)).toEqual([
      'Project files not made by this generator are in the way; nothing was written',
      '  suites/x/project.json',
      '  suites/x/m/baseline/project.json',
      'Move or delete them, or rename the model or variant in suites/x/suite.yaml.',
    ]);
  });

  test('tells every mistake of suite.yaml and writes nothing', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', `${SUITE}tier: dev\nruns: {clean: 0}\n`);
    expect(await generatorError(workspace)).toEqual([
      '2 mistakes in the settings of suite x; nothing was written',
      'suites/x/suite.yaml:5:7: tier: "dev" is not allowed. Allowed: conservative, balanced, aggressive',
      'suites/x/suite.yaml:6:15: runs.clean: 0 is not allowed. Allowed: a whole number from 1 to 1000',
    ]);
  });

  test.each([
    ['smok', 'No suite named "smok". Did you mean "smoke"?'],
    ['../smoke', 'No suite named "../smoke".'],
    ['', 'No suite named "".'],
  ])('of %j: names the suites there are', async (name, title) => {
    using workspace = new Workspace();
    workspace.write('suites/smoke/suite.yaml', SUITE);
    workspace.write('suites/notes.md', 'not a suite');
    expect((await generatorError(workspace, name)).slice(0, 2)).toEqual([
      title,
      'Suites of this workspace: smoke',
    ]);
  });

  test('a directory that cannot name a suite', async () => {
    using workspace = new Workspace();
    workspace.write('suites/My Suite/suite.yaml', SUITE);
    expect((await generatorError(workspace, 'My Suite'))[1]).toContain('"My Suite" cannot name a suite');
  });
});

describe('identity variables', () => {
  test('are laid over suite.yaml and recorded; nx sync goes by the record, whatever the environment', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    await generate(workspace, 'x', { INVARLOCK_TIER: 'conservative', MODEL_2: '', PATH: '/bin' });
    expect(existsSync(join(workspace.root, 'suites/x/n'))).toBe(false);
    const project = JSON.parse(workspace.read('suites/x/project.json')) as { metadata: unknown };
    expect(project.metadata).toMatchObject({ identity: { INVARLOCK_TIER: 'conservative', MODEL_2: '' } });
    expect(workspace.read('suites/x/m/baseline/project.json')).toContain('"tier": "conservative"');
    expect(await workspace.generate(syncGenerator)).toEqual([]);
    workspace.write('suites/x/suite.yaml', `${SUITE}runs: {clean: 4}\n`);
    expect((await workspace.generate(syncGenerator)).length).toBeGreaterThan(0);
    expect(workspace.read('suites/x/m/baseline/project.json')).toContain('"tier": "conservative"');
    // Without them, the suite is that of its file again.
    await generate(workspace);
    expect(workspace.read('suites/x/project.json')).not.toContain('identity');
    expect(existsSync(join(workspace.root, 'suites/x/n/baseline/project.json'))).toBe(true);
  });

  test('with bad values write nothing', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    await expect(generate(workspace, 'x', { INVARLOCK_TIER: 'dev', CLEAN_EDIT_RUNS: '0' })).rejects.toThrow(
      /2 mistakes.*\nenvironment variable INVARLOCK_TIER: "dev" is not allowed.*\nenvironment variable CLEAN_EDIT_RUNS/,
    );
    await expect(generate(workspace, 'x', { EDIT_TYPES_CLEEN: 'x' })).rejects.toThrow(
      'Did you mean EDIT_TYPES_CLEAN?',
    );
    expect(readdirSync(join(workspace.root, 'suites/x'))).toEqual(['suite.yaml']);
  });
});

describe('a run with other variables than the suite was made with', () => {
  test('stops with the command to give; the same in other words does not', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    await generate(workspace, 'x', { EVAL_TASKS: 'mmlu,arc_challenge' });
    const run = (environment: NodeJS.ProcessEnv): void => {
      requireRecorded(workspace.root, 'x', environment);
    };
    run({});
    run({ EVAL_TASKS: 'mmlu, arc_challenge' });
    // As suite.yaml has it anyway.
    run({ INVARLOCK_TIER: 'balanced', DRIFT_CALIBRATION_RUNS: '5' });
    expect(() => {
      run({ INVARLOCK_TIER: 'conservative' });
    }).toThrow(
      'environment variable INVARLOCK_TIER is "conservative"; suite x was made without it.\n' +
        'What comes out depends on it, so the cells must be made anew: EVAL_TASKS=mmlu,arc_challenge INVARLOCK_TIER=conservative npx nx g ./tools:suite x\n' +
        'Or run what was made: unset INVARLOCK_TIER',
    );
    expect(() => {
      run({ EVAL_TASKS: 'mmlu' });
    }).toThrow('suite x was made with "mmlu,arc_challenge"');
    expect(() => {
      run({ INVARLOCK_TIER: 'dev' });
    }).toThrow('Allowed: conservative, balanced, aggressive');
  });
});

describe('nx sync', () => {
  test('leaves alone what is in step, and suites that were never generated', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    workspace.write('suites/y/suite.yaml', 'never: looked at');
    expect(await workspace.generate(syncGenerator)).toEqual([]);
    await generate(workspace);
    expect(await workspace.generate(syncGenerator)).toEqual([]);
    expect(existsSync(join(workspace.root, 'suites/y/project.json'))).toBe(false);
  });

  test('brings generated suites up to date and says which files differ', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    await generate(workspace);
    workspace.write('suites/x/suite.yaml', `${SUITE}runs: {clean: 4}\n`);
    const tree = await workspace.dryRun((tree) => {
      const { outOfSyncMessage, outOfSyncDetails } = syncGenerator(tree);
      expect(outOfSyncMessage).toBe('The projects of a generated suite differ from its suite.yaml.');
      expect(outOfSyncDetails).toContain('UPDATE suites/x/m/svd_rank8_clean/project.json');
    });
    tree.write();
    expect(await workspace.generate(syncGenerator)).toEqual([]);
  });

  test('says what to do about a suite.yaml that is gone or wrong, and changes nothing', async () => {
    using workspace = new Workspace();
    for (const name of ['x', 'y', 'z']) {
      workspace.write(`suites/${name}/suite.yaml`, SUITE);
      await generate(workspace, name);
    }
    workspace.write('suites/x/suite.yaml', `${SUITE}runs: {clean: 4}\n`);
    workspace.write('suites/y/suite.yaml', `${SUITE}tier: dev\n`);
    workspace.write('suites/z/other.yaml', '');
    workspace.remove('suites/z/suite.yaml');
    await expect(workspace.generate(syncGenerator)).rejects.toThrow(
      /suites\/y\/suite.yaml:5:7: tier.*\nsuites\/z\/suite.yaml is gone/s,
    );
  });
});

describe('conflict markers in generated projects', () => {
  const conflict = (text: string): string =>
    text.replace(/^( {2}"tags".*)$/m, '<<<<<<< HEAD\n$1\n=======\n  "tags": ["theirs"],\n>>>>>>> two');

  test('are repaired by the generator and by nx sync, which reads our side of the record', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    await generate(workspace, 'x', { DRIFT_CALIBRATION_RUNS: '3' });
    const files = ['suites/x/project.json', 'suites/x/m/baseline/project.json'];
    const whole = files.map((file) => workspace.read(file));
    for (const file of files) workspace.write(file, conflict(workspace.read(file)));
    const changes = await workspace.generate(syncGenerator);
    expect(changes.sort()).toEqual(files.map((file) => `UPDATE ${file}`).sort());
    expect(files.map((file) => workspace.read(file))).toEqual(whole);

    for (const file of files) workspace.write(file, conflict(workspace.read(file)));
    await generate(workspace, 'x', { DRIFT_CALIBRATION_RUNS: '3' });
    expect(files.map((file) => workspace.read(file))).toEqual(whole);
  });

  test('stop every other command with the file and what to do', async () => {
    using workspace = new Workspace();
    workspace.write('suites/x/suite.yaml', SUITE);
    await generate(workspace);
    const file = 'suites/x/m/baseline/project.json';
    workspace.write(file, conflict(workspace.read(file)));
    expect(() => readGeneratedSuite(workspace.root, 'x')).toThrow(
      `${workspace.root}/${file} holds conflict markers of a merge. Make the projects of the suite anew: npm run suites:repair`,
    );
  });
});
