// The Python environment through real nx: made by the first cell that runs, once for all that begin at the same time.
import { chmodSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const MODELS = ['m', 'n', 'o'];
const SUITE = SMALL_SUITE.replace(
  /models:\n(( {2}.*\n)+)/,
  (_, model: string) =>
    `models:\n${MODELS.map((name) => model.replace('name: m', `name: ${name}`)).join('')}`,
);
const SETUPS = ['run-many', '-t', 'setup'];

/** A workspace without .venv; its uv installs once `go` is there, or fails where `broken` is. */
class BareRig extends Rig {
  readonly env: Record<string, string>;

  constructor() {
    super(SUITE);
    this.env = { PATH: `${join(this.root, 'bin')}:${process.env.PATH ?? ''}` };
    this.write(
      'bin/uv',
      `#!/bin/sh
[ "$1" = --version ] && { echo 'uv 0.13.9'; exit 0; }
echo "$1 $2" >> "${this.root}/uv.log"
case "$1" in
venv) mkdir -p "${this.root}/.venv/bin" ;;
pip)
  while [ ! -e "${this.root}/go" ]; do sleep 0.1; done
  [ -e "${this.root}/broken" ] && { echo 'no route to the index'; exit 2; }
  cp -R "${this.root}/made/bin" "${this.root}/.venv/" ;;
esac
`,
    );
    chmodSync(join(this.root, 'bin/uv'), 0o755);
  }

  /** After the projects were made, which asks Python. */
  removeEnvironment(): void {
    renameSync(join(this.root, '.venv'), join(this.root, 'made'));
  }

  installations(): number {
    return this.exists('uv.log')
      ? this.read('uv.log')
          .split('\n')
          .filter((line) => line === 'pip sync').length
      : 0;
  }

  /** Who installs, once all others wait for it. */
  async installer(waiting: number): Promise<number> {
    return vi.waitFor(
      () => {
        const names = readdirSync(this.lockDirectory).filter((name) => name.startsWith('python-env-'));
        const lock = names.find((name) => name.endsWith('.lock')) ?? 'no lock';
        expect(names.filter((name) => /\.lock\.[0-9a-f]+$/.test(name))).toHaveLength(waiting);
        const { pid } = JSON.parse(readFileSync(join(this.lockDirectory, lock), 'utf8')) as { pid: number };
        return pid;
      },
      { timeout: 120_000, interval: 200 },
    );
  }
}

test('cells that begin at once install once; one that is killed meanwhile leaves it to another', async () => {
  await using rig = new BareRig();
  await rig.generate();
  rig.removeEnvironment();

  // None could be made: told once, not tried by each.
  rig.write('broken', '');
  const failing = rig.start(SETUPS, rig.env);
  await rig.installer(MODELS.length - 1);
  rig.write('go', '');
  const failed = await failing;
  expect(failed.exitCode).toBe(1);
  expect(rig.installations()).toBe(1);
  expect(failed.all.match(/failed \(environment\): uv pip failed/g)).toHaveLength(MODELS.length);
  expect(failed.all).toContain('npx nx run tools:python-env');
  expect(rig.takeStarted()).toEqual([]);

  // The installer is killed: its lock is broken, and the next one installs; the third has nothing to do.
  renameSync(join(rig.root, 'go'), join(rig.root, 'later'));
  renameSync(join(rig.root, 'broken'), join(rig.root, 'mended'));
  renameSync(join(rig.root, 'uv.log'), join(rig.root, 'uv-1.log'));
  const killed = rig.start(SETUPS, rig.env);
  const installer = await rig.installer(MODELS.length - 1);
  await vi.waitFor(
    () => {
      expect(rig.installations()).toBe(1);
    },
    { timeout: 60_000 },
  );
  process.kill(installer, 'SIGKILL');
  await rig.installer(MODELS.length - 2);
  rig.write('go', '');
  await killed;
  expect(rig.installations()).toBe(2);
  expect(rig.takeStarted()).toHaveLength(MODELS.length - 1);

  // From then on there is nothing to install.
  const after = await rig.nx(SETUPS, rig.env);
  expect(after.exitCode, after.output).toBe(0);
  expect(rig.takeStarted()).toHaveLength(1);
  expect(rig.installations()).toBe(2);
}, 600_000);
