import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FileContent } from '../../tools/results/read/files.js';
import { outputPaths } from '../../tools/results/outputs/index.js';
import { writeVerdict } from '../../tools/results/write.js';
import { filesOf, planOf } from './builders.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'verdict-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function lay(files: ReadonlyMap<string, FileContent>): Promise<void> {
  for (const [path, content] of files) {
    if (content.ok) await put(path, JSON.stringify(content.value));
  }
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

// Tables of outcomes are no JSON; read/outcomes.test.ts reads them.
const plan = planOf({ outcomes: false, edits: { a_clean: 'clean', b_stress: 'stress' } });
const MERGED = ['output/s/m/evals/a_clean_results.json', 'output/s/m/evals/b_stress_results.json'];

describe('writeVerdict', () => {
  test('writes every file, and nothing the second time', async () => {
    await lay(filesOf(plan));
    const first = await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
    expect(first).toMatchObject({ complete: true, verdict: 'PHASE0_VALIDATED', removed: [] });
    expect(first.paths).toEqual([...MERGED, ...Object.values(outputPaths('s'))]);
    expect(first.changed).toEqual(first.paths);
    expect(first.lines[0]).toMatch(/^s: NOT_ASSESSABLE: nothing can be said: none of 2 edits has a label/);

    const old = new Date(1_000_000);
    for (const path of first.paths) await utimes(join(root, path), old, old);
    const second = await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
    expect(second.changed).toEqual([]);
    for (const path of first.paths) expect((await stat(join(root, path))).mtimeMs).toBe(1_000_000);
    expect((await readdir(join(root, 'output/s/reports'))).sort()).toEqual([
      'final_verdict.json',
      'final_verdict.txt',
      'junit.xml',
      'summary.md',
    ]);
  });

  test('an empty tree gives an INCOMPLETE verdict, not an error', async () => {
    const result = await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
    expect(result).toMatchObject({ complete: false, verdict: 'INCOMPLETE' });
    expect(result.lines[0]).toContain('INCOMPLETE: 0 of');
    const text = await readFile(join(root, outputPaths('s').text), 'utf8');
    expect(text.startsWith('INCOMPLETE: 0 of 13 cells finished, 14 results missing')).toBe(true);
  });

  test('a torn file is read once more', async () => {
    await lay(filesOf(plan));
    const torn = 'output/s/m/certificates/a_clean/run_1/evaluation.cert.json';
    const gone = 'output/s/m/evals/a_clean_job_results.json';
    const whole = [
      await readFile(join(root, torn), 'utf8'),
      await readFile(join(root, gone), 'utf8'),
    ] as const;
    await put(torn, whole[0].slice(0, 40));
    await rm(join(root, gone));
    const pending = writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 400 });
    await sleep(150);
    await put(torn, whole[0]);
    await put(gone, whole[1]);
    expect((await pending).complete).toBe(true);
  });

  test('what stays torn, empty or a directory is listed with its path and reason', async () => {
    await lay(filesOf(plan));
    const path = (name: string): string => `output/s/m/certificates/${name}/run_1/evaluation.cert.json`;
    await put(path('a_clean'), '');
    await rm(join(root, path('b_stress')));
    await mkdir(join(root, path('b_stress')));
    await put('output/s/m/models/a_clean.receipt.json', '{"schema": 1');
    const { findings } = await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
    expect(findings.analysis.missing.map((one) => [one.path, one.reason, one.detail])).toEqual([
      [path('a_clean'), 'unreadable', expect.stringContaining('not JSON')],
      [path('b_stress'), 'unreadable', 'cannot be read (EISDIR)'],
      ['output/s/m/models/a_clean.receipt.json', 'unreadable', expect.stringContaining('not JSON')],
    ]);
  });

  test('bare NaN in a certificate is read', async () => {
    await lay(filesOf(plan));
    const path = 'output/s/m/certificates/errors/nan_injection/evaluation.cert.json';
    const text = await readFile(join(root, path), 'utf8');
    const broken = text.replace('"ratio_vs_baseline":1', '"ratio_vs_baseline":NaN');
    await put(path, broken.replace('"primary_metric_acceptable":true', '"primary_metric_acceptable":false'));
    const { findings } = await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
    expect(findings.analysis.complete).toBe(true);
    expect(await readFile(join(root, outputPaths('s').certificates), 'utf8')).toContain(
      'error_nan_injection,NaN,',
    );
  });

  test('a merged evaluation goes when one of its parts does', async () => {
    await lay(filesOf(plan));
    await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
    await rm(join(root, 'output/s/m/evals/a_clean_city_results.receipt.json'));
    const result = await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
    expect(result.removed).toEqual([MERGED[0]]);
    expect(result.complete).toBe(false);
    await expect(stat(join(root, MERGED[0] ?? ''))).rejects.toThrow('ENOENT');
  });
});
