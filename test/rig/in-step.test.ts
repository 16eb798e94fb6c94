// A suite whose suite.yaml has changed since its projects were made: every command says so and gives the one that helps.
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

async function certified(rig: Rig): Promise<void> {
  const { exitCode, output } = await rig.certify();
  expect(exitCode, output).toBe(0);
}

const COMMAND = 'npx nx g ./tools:suite rig';

test(
  'an edited suite.yaml stops every command until the projects are made anew',
  {
    timeout: 300_000,
  },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    await certified(rig);
    rig.takeStarted();

    // A comment changes nothing of the suite.
    rig.edit('suites/rig/suite.yaml', (text) => `# a note\n${text}`);
    expect((await rig.nx(['run', 'rig:certify'])).exitCode).toBe(0);

    rig.edit('suites/rig/suite.yaml', (text) => text.replace('quant_rtn:8:128:ffn', 'quant_rtn:4:128:ffn'));
    const certificate = 'rig.m.quant_8bit_clean:certify-1';
    const commands = [
      ['run-many', '-t', 'certify'],
      ['run', 'rig:certify'],
      ['run', certificate],
      ['run', certificate, '--skip-nx-cache', '--excludeTaskDependencies'],
      ['run', 'rig:verdict', '--excludeTaskDependencies'],
      ['run', 'rig:report', '--excludeTaskDependencies'],
      ['run', 'rig:plan'],
      ['run', 'rig:status'],
      ['run', 'rig:clean', '--dry-run'],
    ];
    for (const command of commands) {
      const { exitCode, output } = await rig.nx(command);
      expect(exitCode, `${command.join(' ')}\n${output}`).not.toBe(0);
      expect(output, command.join(' ')).toContain('suites/rig/suite.yaml has changed since');
      expect(output, command.join(' ')).toContain(COMMAND);
      expect(output, command.join(' ')).not.toMatch(/VALIDATED|\n {4}at /);
    }
    expect(rig.takeStarted()).toEqual([]);

    await rig.generate();
    await certified(rig);
    expect(rig.takeStarted()).toContain('rig.m.edits:edit');
  },
);

test(
  'the doctor finds it, and the command has the variables that the suite was made with',
  {
    timeout: 120_000,
  },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const made = await rig.nx(['g', './tools:suite', 'rig'], { DRIFT_CALIBRATION_RUNS: '3' });
    expect(made.exitCode, made.output).toBe(0);
    rig.edit('suites/rig/suite.yaml', (text) => text.replace('errors: [nan_injection]', 'errors: []'));
    const { exitCode, output } = await rig.nx([
      'run',
      'rig:doctor',
      '--offline',
      '--excludeTaskDependencies',
    ]);
    expect(exitCode, output).not.toBe(0);
    expect(output).toContain(`DRIFT_CALIBRATION_RUNS=3 ${COMMAND}`);

    rig.edit('suites/rig/suite.yaml', () => 'models: [\n');
    const broken = await rig.nx(['run', 'rig:status']);
    expect(broken.exitCode).not.toBe(0);
    expect(broken.output).toMatch(/suites\/rig\/suite\.yaml:\d+:\d+: not valid YAML/);
  },
);

test(
  'two branches that each add an edit: git marks no conflict inside a project, and one command makes all right',
  {
    timeout: 120_000,
  },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const git = (...args: string[]) =>
      execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: rig.root, reject: false });
    rig.write('.gitattributes', 'suites/**/project.json -merge linguist-generated\n');
    await rig.generate();
    await git('init', '-q', '-b', 'main');
    await git('add', 'suites', '.gitattributes');
    await git('commit', '-qm', 'base');
    const branch = async (name: string, change: (text: string) => string): Promise<void> => {
      await git('checkout', '-q', '-b', name, 'main');
      rig.edit('suites/rig/suite.yaml', change);
      await rig.generate();
      await git('add', 'suites');
      await git('commit', '-qm', name);
    };
    await branch('one', (text) => text.replace("clean: ['quant", "clean: ['lowrank_svd:64:ffn', 'quant"));
    await branch('two', (text) =>
      text.replace("'lowrank_svd:8:all'", "'lowrank_svd:8:all', 'lowrank_svd:4:all'"),
    );
    const merged = await git('merge', 'one');
    expect(merged.exitCode).not.toBe(0);
    // Lines of suite.yaml itself are the person's to merge.
    rig.write(
      'suites/rig/suite.yaml',
      SMALL_SUITE.replace("clean: ['quant", "clean: ['lowrank_svd:64:ffn', 'quant").replace(
        "'lowrank_svd:8:all'",
        "'lowrank_svd:8:all', 'lowrank_svd:4:all'",
      ),
    );
    const stopped = await rig.nx(['run', 'rig:plan']);
    expect(stopped.output).toContain(COMMAND);
    await rig.generate();
    const edits = JSON.parse(rig.read('suites/rig/m/edits/project.json')) as object;
    for (const rank of [64, 8, 4]) expect(JSON.stringify(edits)).toContain(`svd_rank${rank}`);
    expect((await rig.nx(['sync:check'])).exitCode).toBe(0);
    // Where git was not told: Nx cannot even load its plugins then, so this command does not ask it.
    rig.edit('suites/rig/m/edits/project.json', (text) =>
      text.replace(/^( {2}"name".*)$/m, '<<<<<<< HEAD\n$1\n=======\n  "name": "x",\n>>>>>>> two'),
    );
    expect((await rig.nx(['run', 'rig:plan'])).exitCode).not.toBe(0);
    const repaired = await execa(process.execPath, ['tools/dist/bin/repair-projects.js'], { cwd: rig.root });
    expect(repaired.stdout).toBe('UPDATE suites/rig/m/edits/project.json');
    expect((await rig.nx(['sync:check'])).exitCode).toBe(0);
  },
);
