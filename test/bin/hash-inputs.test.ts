// What a cell's hash takes from this machine is asked once an nx run, by whichever shell, and anew by the next.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { ANSWERS, answerName, machineCommand } from '../../tools/suite/nx/machine-input.js';
import { suiteDigest } from '../../tools/suite/load/digest.js';
import { REPOSITORY } from '../support/repository.js';

const LOCK = readFileSync(join(REPOSITORY, 'tools/python/requirements.lock'), 'utf8');
const COMMAND = machineCommand('s');
const root = mkdtempSync(join(tmpdir(), 'validation-hash-'));
mkdirSync(join(root, 'tools/python'), { recursive: true });
symlinkSync(join(REPOSITORY, 'tools/dist'), join(root, 'tools/dist'));
for (const suite of ['s', 'other']) {
  mkdirSync(join(root, 'suites', suite), { recursive: true });
  writeFileSync(join(root, 'suites', suite, 'suite.yaml'), 'models: []\n');
  const metadata = { suiteDigest: suiteDigest({ models: [] }) };
  writeFileSync(join(root, 'suites', suite, 'project.json'), JSON.stringify({ metadata }));
}
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function pin(torch: string): void {
  const text = LOCK.replace(/^torch==\S+/m, `torch==${torch}`);
  writeFileSync(join(root, 'tools/python/requirements.lock'), text);
}

const options = {
  cwd: root,
  reject: false,
  env: { VALIDATION_LOCK_DIR: join(root, 'locks'), CUDA_VISIBLE_DEVICES: '' },
} as const;

const torchIn = (stdout: string): string => (JSON.parse(stdout) as { torch: string }).torch;

/** As Nx asks, this process being the nx run. */
async function torch(): Promise<string> {
  return torchIn((await execa('sh', ['-c', COMMAND], options)).stdout);
}

/** As another nx run asks. */
async function torchOfAnother(): Promise<string> {
  const ask = `require('node:child_process').execFileSync('sh', ['-c', ${JSON.stringify(COMMAND)}])`;
  return torchIn((await execa(process.execPath, ['-e', `process.stdout.write(${ask})`], options)).stdout);
}

test.runIf(process.platform === 'linux')(
  'one answer for one run, another for another',
  { timeout: 60_000 },
  async () => {
    pin('1');
    expect(await torch()).toBe('1');
    pin('2');
    expect(await torch()).toBe('1');
    expect(await torchOfAnother()).toBe('2');
    expect(await torchOfAnother()).toBe('2');
    // Of runs that are over at most the last one's answer is left.
    const own = answerName(process.pid, 's');
    expect(readdirSync(join(root, ANSWERS))).toContain(own);
    expect(readdirSync(join(root, ANSWERS)).length).toBeLessThanOrEqual(2);
    // One that is older than this process was given to another of its pid.
    utimesSync(join(root, ANSWERS, own), 1, 1);
    expect(await torch()).toBe('2');
  },
);

test(
  'an environment that asks for another suite than was made is no answer',
  { timeout: 60_000 },
  async () => {
    const env = { ...options.env, EVAL_BATCH_SIZE_SMAL: '4' };
    const { exitCode, stdout, stderr } = await execa('sh', ['-c', machineCommand('other')], {
      ...options,
      env,
    });
    expect(exitCode).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain('Did you mean EVAL_BATCH_SIZE_SMALL?');
  },
);
