// What a cell's hash takes from this machine is asked once an nx run, by whichever shell, and anew by the next.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../tools/dist/bin/hash-inputs.js');
const LOCK = readFileSync(join(import.meta.dirname, '../../tools/python/requirements.lock'), 'utf8');
const root = mkdtempSync(join(tmpdir(), 'validation-hash-'));
mkdirSync(join(root, 'tools/python'), { recursive: true });
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function pin(torch: string): void {
  writeFileSync(
    join(root, 'tools/python/requirements.lock'),
    LOCK.replace(/^torch==\S+/m, `torch==${torch}`),
  );
}

const options = {
  cwd: root,
  env: { VALIDATION_LOCK_DIR: join(root, 'locks'), CUDA_VISIBLE_DEVICES: '' },
};

/** As Nx asks, this process being the nx run. */
async function torch(): Promise<string> {
  // A second command keeps the shell between, where it would else become the first.
  const { stdout } = await execa('sh', ['-c', `"${process.execPath}" "${SCRIPT}"; true`], options);
  return (JSON.parse(stdout) as { torch: string }).torch;
}

/** As another nx run asks. */
async function torchOfAnother(): Promise<string> {
  const script = `process.stdout.write(require('node:child_process').execFileSync(process.execPath, [${JSON.stringify(SCRIPT)}]))`;
  const { stdout } = await execa(process.execPath, ['-e', script], options);
  return (JSON.parse(stdout) as { torch: string }).torch;
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
  },
);
