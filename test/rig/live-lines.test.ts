// What is true for a moment only is shown when it is, and never again from Nx's cache; an installation tells how far it is.
import { chmodSync, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

test(
  'cells that wait say so while they wait; from the cache they say that they waited',
  { timeout: 240_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    rig.script({ '*': { sleepMs: 400 } });
    rig.edit('workspace-config/site.yaml', (text) => text.replace('slots: auto', 'slots: 1'));
    const first = await rig.nx(['run-many', '-t', 'certify', '--outputStyle=stream']);
    expect(first.exitCode, first.output).toBe(0);
    const waiting = /^rig\.m\.\S+: waiting: needs a CPU slot; held by rig\.m\.\S+/m;
    expect(first.output).toMatch(waiting);
    const waited = /rig\.m\.\S+: waited \d+ s: needs a CPU slot; held by rig\.m\.\S+/;
    expect(first.output).toMatch(waited);

    const again = await rig.nx(['run-many', '-t', 'certify', '--outputStyle=stream']);
    expect(again.exitCode, again.output).toBe(0);
    expect(again.output).toContain('[local cache]');
    expect(again.output).toMatch(waited);
    expect(again.output).not.toContain('waiting');
  },
);

/** What uv says, a line at a time. */
const UV = `#!/bin/sh
[ "$*" = --version ] && { echo 'uv 0.13.9'; exit 0; }
case "$*" in
'pip sync'*)
  echo 'Resolved 131 packages in 12ms'; echo 'Downloading torch (1.5GiB)'; sleep 1
  [ -e "$RIG_WORKSPACE/offline" ] && { echo 'error: Request failed after 3 retries'; exit 2; }
  echo ' Downloaded torch'; echo 'Prepared 131 packages in 1s'; echo 'Installed 131 packages in 1s' ;;
esac >&2
`;

/** @returns environment variables of a host with that uv. */
async function takeEnvironmentAway(rig: Rig): Promise<Record<string, string>> {
  await rig.generate();
  rig.write('.venv/validation-lock', 'of an earlier lock file');
  rig.write('bin/uv', UV);
  chmodSync(join(rig.root, 'bin/uv'), 0o755);
  return { PATH: `${join(rig.root, 'bin')}${delimiter}${process.env.PATH ?? ''}` };
}

test('an installation says what it does, in a log and when it fails', { timeout: 180_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  const environment = await takeEnvironmentAway(rig);
  rig.write('offline', '');
  const failed = await rig.nx(['run', 'rig.m.baseline:setup'], environment);
  expect(failed.exitCode).not.toBe(0);
  expect(failed.output).toContain(
    'failed (environment): uv pip failed:\nerror: Request failed after 3 retries',
  );
  expect(failed.output).toContain('Check the connection to PyPI');

  rig.write('bin/uv', UV.replace(/\n.*offline.*\n/, '\n'));
  const { exitCode, output } = await rig.nx(['run', 'rig.m.baseline:setup'], environment);
  expect(exitCode, output).toBe(0);
  const said = output.split('\n').filter((line) => line.startsWith('python-env: '));
  // Before them: which Python it takes, as the rig's own is none.
  const [begins, ends, ...more] = said.slice(1);
  expect(begins).toMatch(
    /^python-env: installing the packages of tools\/python\/requirements\.lock into \.venv/,
  );
  expect(ends).toMatch(/^python-env: \.venv is ready after \d+ s: 131 packages, 1\.5 GiB downloaded$/);
  expect(more).toEqual([]);
  expect((await rig.nx(['run', 'rig.m.baseline:setup'], environment)).output).not.toContain('python-env: ');
});

test.runIf(existsSync('/usr/bin/script'))(
  'on a terminal it says how far it is, though Nx shows nothing of it',
  { timeout: 180_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    const environment = await takeEnvironmentAway(rig);
    const { file, args, options } = rig.command(['run', 'rig.m.baseline:setup'], { ...environment, CI: '' });
    const command = [file, ...args].map((word) => `'${word}'`).join(' ');
    const { all, exitCode } = await execa('/usr/bin/script', ['-qec', command, '/dev/null'], options);
    expect(exitCode, all).toBe(0);
    const passing = '\r\u001b[Kpython-env: 131 packages: 0 B of 1.5 GiB downloaded; coming: torch 1.5 GiB (';
    expect(all.split(passing).length).toBeGreaterThan(2);
    const ready = /^python-env: \.venv is ready after \d+ s: 131 packages, 1\.5 GiB downloaded$/;
    expect(
      all
        .replaceAll('\u001b[K', '')
        .split(/[\r\n]+/)
        .filter((line) => ready.test(line)),
    ).toHaveLength(1);
    // Lines that move up over others would have hidden these.
    expect(all).not.toContain('Nx is waiting on');
  },
);
