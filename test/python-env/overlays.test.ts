// An InvarLock beside the one of .venv: asked for by a suite, installed from its lock file, and really judging.
import { execa } from 'execa';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ensureOverlays, wantedOverlays } from '../../tools/python-env/overlays.js';
import { OVERLAY_VERSIONS, overlayLock, OVERLAYS } from '../../tools/suite/model/overlays.js';
import { REPOSITORY } from '../support/repository.js';

const root = mkdtempSync(join(tmpdir(), 'overlays-'));
afterAll(() => {
  rmSync(root, { recursive: true });
});

test('only what a generated suite names as a judge is wanted', () => {
  const write = (suite: string, text: string): void => {
    const path = join(root, 'suites', suite, 'project.json');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  expect(wantedOverlays(root)).toEqual([]);
  write('plain', JSON.stringify({ metadata: {} }));
  write('torn', '{"metadata": {"judges": ["invarlock-0.17"');
  write('others', JSON.stringify({ metadata: { judges: ['invarlock', 'invarlock-true-baseline'] } }));
  expect(wantedOverlays(root)).toEqual([]);
  write('asks', JSON.stringify({ metadata: { judges: ['invarlock', 'invarlock-0.17'] } }));
  expect(wantedOverlays(root)).toEqual(['invarlock-0.17']);
});

test.each(OVERLAYS)('%s is pinned with hashes to the version that its cells ask for', (name) => {
  const lock = readFileSync(join(REPOSITORY, overlayLock(name)), 'utf8');
  expect(lock).toContain(`invarlock==${OVERLAY_VERSIONS[name]} \\\n    --hash=sha256:`);
  expect(lock.match(/^[a-z]\S*==/gm)).toEqual(
    ['cffi==', 'cryptography==', 'invarlock=='].map((one) => expect.stringContaining(one) as string),
  );
});

test(
  'InvarLock 0.17 is installed once, and decides on real tables of outcomes',
  { timeout: 600_000 },
  async () => {
    const said: string[] = [];
    const log = (line: string): void => void said.push(line);
    rmSync(join(REPOSITORY, '.venv/overlays'), { recursive: true, force: true });
    await ensureOverlays(REPOSITORY, ['invarlock-0.17'], log);
    await ensureOverlays(REPOSITORY, ['invarlock-0.17'], log);
    expect(said.filter((line) => line.startsWith('installing invarlock-0.17'))).toHaveLength(1);
    const support = join(REPOSITORY, 'tools/python/tests/support');
    const { stdout, stderr } = await execa(
      join(REPOSITORY, '.venv/bin/python'),
      [join(support, 'judges/regression_child.py'), root],
      { env: { PYTHONPATH: `${join(REPOSITORY, 'tools/python')}:${support}`, OMP_NUM_THREADS: '1' } },
    );
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
      ...{ same: 'pass', worse: 'regression', few: 'insufficient_evidence' },
      // Two inputs that cannot be compared, and an InvarLock that is not installed.
      ...{ other: 80, torn: 80, version: 82 },
    });
    expect(stderr).toContain('items of the subject were not asked of its baseline');
    expect(stderr).toContain('no table of outcomes');
    expect(stderr).toContain('InvarLock 0.17.9 is needed');
    expect(stderr).toContain('npx nx run tools:python-env');
  },
);
