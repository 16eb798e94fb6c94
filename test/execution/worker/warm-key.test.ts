// Which jobs share a warm host: those an import could not tell apart.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, test } from 'vitest';
import { LIVE_LINES } from '../../../tools/base/text/live-lines.js';
import { importEnvironment, warmKey } from '../../../tools/execution/worker/warm-key.js';
import { REPOSITORY } from '../../support/repository.js';

const workspace = mkdtempSync(join(tmpdir(), 'validation-key-'));
cpSync(join(REPOSITORY, 'tools/python/validation'), join(workspace, 'tools/python/validation'), {
  recursive: true,
});
cpSync(join(REPOSITORY, 'tools/python/requirements.lock'), join(workspace, 'tools/python/requirements.lock'));
mkdirSync(join(workspace, '.venv/bin'), { recursive: true });
writeFileSync(join(workspace, '.venv/validation-lock'), 'x');
const python = join(workspace, '.venv/bin/python');
symlinkSync(process.execPath, python);
afterAll(() => {
  rmSync(workspace, { recursive: true, force: true });
});

const key = (environment: NodeJS.ProcessEnv = {}) => warmKey(workspace, python, environment).key;

describe.runIf(process.platform === 'linux')('the key of a host', () => {
  test('is the same in every process', { timeout: 60_000 }, async () => {
    const script = `import { warmKey } from ${JSON.stringify(join(REPOSITORY, 'tools/dist/execution/worker/warm-key.js'))};
      console.log(warmKey(${JSON.stringify(workspace)}, ${JSON.stringify(python)}, {}).key);`;
    const keys = await Promise.all(
      [1, 2].map(async () => (await execa(process.execPath, ['--input-type=module', '-e', script])).stdout),
    );
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  test.each([
    ['what huggingface_hub reads when it is imported', { HF_HUB_OFFLINE: '1' }, { HF_HUB_OFFLINE: '0' }],
    ['a cache elsewhere', { HF_HOME: '/a' }, { HF_HOME: '/b' }],
    ['a variable nobody knows', { SOME_LIBRARY_DEBUG: '1' }, {}],
    ['a GPU or none', { CUDA_VISIBLE_DEVICES: 'GPU-1' }, { CUDA_VISIBLE_DEVICES: '' }],
    ['where Python looks', { PYTHONPATH: '/a' }, { PYTHONPATH: '/b' }],
  ])('differs by %s', (_, one, other) => {
    expect(key(one)).not.toBe(key(other));
  });

  test.each([
    ['the task', { NX_TASK_HASH: '1', LERNA_PACKAGE_NAME: 'a' }, { NX_TASK_HASH: '2' }],
    ['which GPU', { CUDA_VISIBLE_DEVICES: 'GPU-1' }, { CUDA_VISIBLE_DEVICES: 'GPU-2,GPU-3' }],
    ['threads, which a child sets itself', { OMP_NUM_THREADS: '1' }, { OMP_NUM_THREADS: '4' }],
    ['what InvarLock is told for one run', { INVARLOCK_CONFIG_REPOSITORY: '/a' }, {}],
  ])('does not differ by %s', (_, one, other) => {
    expect(key(one)).toBe(key(other));
  });

  test('differs by sources, lock file and installation', () => {
    const seen = new Set([key()]);
    const expectAnother = () => {
      expect(seen).not.toContain(key());
      seen.add(key());
    };
    writeFileSync(join(workspace, 'tools/python/validation/new.py'), '');
    expectAnother();
    writeFileSync(join(workspace, 'tools/python/requirements.lock'), 'torch==3\n');
    expectAnother();
    utimesSync(join(workspace, '.venv/validation-lock'), 1, 1);
    expectAnother();
    expect(key()).toBe([...seen].at(-1));
  });

  test('holds no variable of a single job', () => {
    const given = {
      ...{ A: '1', NX_TASK_HASH: '2', OMP_NUM_THREADS: '1', CELL_EVENTS_FD: '3', UNSET: undefined },
      [LIVE_LINES]: '/tmp/lines',
    };
    expect(importEnvironment(given)).toEqual({ A: '1' });
  });
});
