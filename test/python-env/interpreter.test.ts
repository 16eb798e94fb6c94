import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { candidates, findInterpreter, isSupported, probe } from '../../tools/python-env/interpreter.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'validation-interpreter-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function command(name: string, script: string): string {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('versions', () => {
  expect(['3.12.0', '3.13.5', '3.14.1'].every(isSupported)).toBe(true);
  expect(['2.7.18', '3.11.9', '3.15.0', '4.0.0', ''].some(isSupported)).toBe(false);
});

test('UV_PYTHON is taken, or named when it is none', async () => {
  const good = command('good', 'echo /opt/python; echo 3.13.2');
  expect(await findInterpreter({ UV_PYTHON: good })).toEqual({ path: '/opt/python', version: '3.13.2' });
  const old = command('old', 'echo /opt/python; echo 3.11.7');
  await expect(findInterpreter({ UV_PYTHON: old })).rejects.toThrow(`UV_PYTHON: ${old} is Python 3.11.7`);
  await expect(findInterpreter({ UV_PYTHON: '/etc/passwd/x' })).rejects.toThrow('/etc/passwd/x does not run');
});

test('pyenv versions come last', () => {
  for (const version of ['3.12.1', '3.9.18'])
    mkdirSync(join(directory, 'versions', version), { recursive: true });
  const all = candidates({ PYENV_ROOT: directory });
  expect(all.slice(-2)).toEqual([
    join(directory, 'versions/3.12.1/bin/python'),
    join(directory, 'versions/3.9.18/bin/python'),
  ]);
  expect(candidates({ PYENV_ROOT: '/none' })).toEqual([
    'python3.12',
    'python3.13',
    'python3.14',
    'python3',
    'python',
  ]);
});

test('a candidate is tried: a pyenv shim of an inactive version is none', async () => {
  const shim = command('shim', 'echo "pyenv: python3.12: command not found" >&2; exit 127');
  expect(await probe(shim)).toBeUndefined();
  expect(await probe(join(directory, 'missing'))).toBeUndefined();
  const real = command('real', 'echo /usr/bin/python3.12; echo 3.12.4');
  expect(await probe(real)).toEqual({ path: '/usr/bin/python3.12', version: '3.12.4' });
});
