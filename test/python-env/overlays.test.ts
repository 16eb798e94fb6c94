// An InvarLock beside the one of .venv: asked for by a suite, installed from its lock file, and really judging.
import { execa } from 'execa';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { ensureOverlays, wantedOverlays } from '../../tools/python-env/overlays.js';
import { outcome012Schema } from '../../tools/results/read/schema.js';
import {
  FORMAT_OVERLAYS,
  JUDGE_OVERLAYS,
  OVERLAY_VERSIONS,
  overlayLock,
  type OverlayName,
} from '../../tools/suite/model/overlays.js';
import { FORMAT_PACKAGES } from '../../tools/suite/model/weight-formats.js';
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
  write('runs', JSON.stringify({ metadata: { packages: ['torchao'] } }));
  expect(wantedOverlays(root)).toEqual(['invarlock-0.17', 'torchao']);
});

test.each(FORMAT_OVERLAYS)('%s is pinned with hashes to the version that evaluations ask for', (name) => {
  const lock = readFileSync(join(REPOSITORY, overlayLock(name)), 'utf8');
  expect(lock).toContain(`${name}==${FORMAT_PACKAGES[name]} \\\n    --hash=sha256:`);
});

test.each(JUDGE_OVERLAYS)('%s is pinned with hashes to the version that its cells ask for', (name) => {
  const lock = readFileSync(join(REPOSITORY, overlayLock(name)), 'utf8');
  expect(lock).toContain(`invarlock==${OVERLAY_VERSIONS[name]} \\\n    --hash=sha256:`);
  expect(lock.match(/^[a-z]\S*==/gm)).toEqual(
    ['cffi==', 'cryptography==', 'invarlock=='].map((one) => expect.stringContaining(one) as string),
  );
});

/** Twice asked for, and not there before. */
async function installedOnce(name: OverlayName): Promise<void> {
  const said: string[] = [];
  const log = (line: string): void => void said.push(line);
  rmSync(join(REPOSITORY, '.venv/overlays', name), { recursive: true, force: true });
  // As Nx gives it to what it runs: uv's own lines are read all the same.
  vi.stubEnv('FORCE_COLOR', 'true');
  await ensureOverlays(REPOSITORY, [name], { log });
  await ensureOverlays(REPOSITORY, [name], { log });
  expect(said.filter((line) => line.startsWith(`installing ${name}`))).toHaveLength(1);
  expect(said.filter((line) => line.startsWith(`${name} is ready: 3 packages, `))).toHaveLength(1);
}

/** What a program of its own found, in its last line. */
async function ranAlone(program: string): Promise<{ found: Record<string, unknown>; stderr: string }> {
  const support = join(REPOSITORY, 'tools/python/tests/support');
  const { stdout, stderr } = await execa(
    join(REPOSITORY, '.venv/bin/python'),
    [join(support, 'judges', program), root],
    { env: { PYTHONPATH: `${join(REPOSITORY, 'tools/python')}:${support}`, OMP_NUM_THREADS: '1' } },
  );
  const found = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  return { found, stderr };
}

test(
  'InvarLock 0.17 is installed once, and decides on real tables of outcomes',
  { timeout: 600_000 },
  async () => {
    await installedOnce('invarlock-0.17');
    const { found, stderr } = await ranAlone('regression_child.py');
    expect(found).toEqual({
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

test(
  'InvarLock 0.12 is installed once, and judges real models beside a report of their baseline',
  { timeout: 900_000 },
  async () => {
    await installedOnce('invarlock-0.12');
    const { found, stderr } = await ranAlone('certify012_child.py');
    expect(found).toMatchObject({
      baseline: 0,
      loud: { status: 'certified', verdict: 'FAIL', failed: ['primary_metric_acceptable'], limit: 1.102 },
      // InvarLock ends with an error about pairs of windows; why there are none is in its log.
      nan: { status: 'refused', verdict: null, exit_code: 1, ratio: null },
      'report of nan': false,
      // A report of other windows, and an InvarLock that is not installed.
      ...{ foreign: 80, version: 82 },
    });
    const loud = outcome012Schema.parse(found.loud);
    expect(loud.ratio).toBe(found.ratio);
    expect(loud.ratio).toBeGreaterThan(1000);
    expect(outcome012Schema.parse(found.nan).reason).toContain('240 windows of an arm have no finite loss');
    expect(stderr).toContain('the report of another baseline: dataset');
    expect(stderr).toContain('InvarLock 0.12.9 is needed');
  },
);
