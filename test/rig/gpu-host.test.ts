// docs/gpu-host.md, command by command as it is written, on a host of two scripted GPUs with a scripted Python: from an empty
// suite to a verdict. A command of the page without an entry here fails the test.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../support/repository.js';
import { installNvidiaSmi } from '../support/rig/nvidia-smi.js';
import { Rig, SMALL_SUITE, type NxResult } from '../support/rig/workspace.js';

const PAGE = readFileSync(join(REPOSITORY, 'docs/gpu-host.md'), 'utf8');
const UUIDS = ['aaaaaaaa', 'bbbbbbbb'].map((name) => `GPU-${name}-0000-0000-0000-000000000000`);
/** Commands of the page, each once; the installation is the rig's own. */
const COMMANDS = [...new Set([...PAGE.matchAll(/`(npx nx [^`]+)`/g)].map(([, command = '']) => command))];

test('a host of GPUs, as its page says', { timeout: 600_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  const environment = {
    PATH: installNvidiaSmi(rig, UUIDS),
    HF_HUB_OFFLINE: '1',
    CUDA_VISIBLE_DEVICES: '0,1',
  };
  // As a model of a size for which any test host has the disk.
  const run = async (command: string): Promise<NxResult> =>
    rig.nx(command.replace('org/model', 'org/model-0.5b').split(' ').slice(2), environment);
  const expected: Record<string, (said: NxResult) => void> = {
    'npx nx leases': ({ exitCode, output }) => {
      expect(output).toContain(`${rig.lockDirectory}: 0 leases, 0 waiting`);
      expect(exitCode).toBe(0);
    },
    'npx nx g ./tools:suite mine --model org/model --profile host': ({ exitCode, output }) => {
      expect(output).toContain('Next: npx nx run mine:doctor, npx nx run mine:plan, npx nx run mine:certify');
      expect(exitCode).toBe(0);
    },
    // Of the model, the data and torch this Python can say nothing.
    'npx nx run mine:doctor': ({ output }) => {
      for (const line of [
        /^ok +disk: /m,
        /^ok +GPU 0: sm90, 79 of 80 GiB free/m,
        /^ok +GPU 1: sm90, /m,
        /^ok +memory: every cell fits/m,
        /^error +Python: its checks ended badly/m,
        /, 1 errors?$/m,
      ])
        expect(output).toMatch(line);
    },
    'npx nx run mine:plan': ({ exitCode, output }) => {
      expect(output).toMatch(/^mine: (\d+) cells: 0 finished, \1 to run, 0 blocked/m);
      expect(output).toMatch(/GPU-hours of work, about .* on 2 GPUs of/);
      expect(exitCode).toBe(0);
    },
    'npx nx run mine:certify': ({ exitCode, output }) => {
      expect(output).toMatch(/all \d+ cells finished/);
      expect(exitCode, output).toBe(0);
      const gpus = new Set(rig.ran().map((ran) => ran.gpus));
      for (const uuid of UUIDS) expect(gpus).toContain(uuid);
    },
    'npx nx status mine --watch': ({ exitCode, output }) => {
      expect(output).toMatch(/all \d+ cells finished/);
      expect(exitCode).toBe(0);
    },
    'npx nx run mine:clean --dry-run': ({ exitCode, output }) => {
      expect(output).toMatch(/can go: 13 weights, which are made again when a cell needs them/);
      expect(exitCode).toBe(0);
    },
  };
  expect(new Set(COMMANDS)).toEqual(new Set(Object.keys(expected)));
  for (const [command, check] of Object.entries(expected)) {
    const said = await run(command.replace(' --watch', ''));
    check(said);
  }
});
