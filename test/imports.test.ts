// The check of imports sees what it is there for: faults planted in a copy of tools/ make it fail, each by its name.
import { execa } from 'execa';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const CONFIG = '.dependency-cruiser.mjs';
const NOT_COPIED = ['dist', 'python'].map((name) => join(ROOT, 'tools', name));

let copy: string;
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'validation-imports-'));
  cpSync(join(ROOT, 'tools'), join(copy, 'tools'), {
    recursive: true,
    filter: (path) => !NOT_COPIED.includes(path),
  });
  cpSync(join(ROOT, CONFIG), join(copy, CONFIG));
  cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
});
afterEach(() => {
  rmSync(copy, { recursive: true, force: true });
});

function plant(path: string, line: string): void {
  mkdirSync(dirname(join(copy, path)), { recursive: true });
  appendFileSync(join(copy, path), `\n${line}\n`);
}

/** The check as `npm test` runs it: its exit code, and a line for each import that it refuses. */
async function check(): Promise<{ exitCode: number; refused: string[]; modules: number }> {
  const depcruise = join(ROOT, 'node_modules', '.bin', 'depcruise');
  const { exitCode, all } = await execa(depcruise, ['tools'], { cwd: copy, reject: false, all: true });
  const refused = [...all.matchAll(/^ *error (.*)$/gm)].map(([, line = '']) => line.trim());
  return { exitCode: exitCode ?? -1, refused, modules: Number(/(\d+) modules/.exec(all)?.[1] ?? 0) };
}

test('an import that leads upward, sideways or in a circle is found, also one of a type', async () => {
  // As it stands: what is found below was planted.
  const before = await check();
  expect(before).toMatchObject({ exitCode: 0, refused: [] });
  expect(before.modules).toBeGreaterThan(200);

  plant('tools/base/units.ts', "import type { Path } from './message.js';");
  plant('tools/base/message.ts', "import type { GIB } from './units.js';");
  plant('tools/suite/model/corpus.ts', "import type { Keep } from '../plan/plan.js';");
  plant('tools/host/host.ts', "export type { Journal } from '../execution/records/journal.js';");
  plant('tools/results/read/json.ts', "import '../report/drawing/html.js';");
  plant('tools/results/report/page.ts', "export const later = () => import('../comparison/comparison.js');");
  plant('tools/monitoring/run/blocked.ts', "import type { Files } from '../../results/read/files.js';");
  plant('tools/execution/extra/new.ts', "import type { GIB } from '../../base/units.js';");
  const { exitCode, refused } = await check();
  expect(exitCode).not.toBe(0);
  const below = (folder: string): string => `${folder} imports only what lies below it: ${folder}`;
  expect(refused.filter((line) => !line.startsWith('no circle')).sort()).toEqual(
    [
      'every folder has its place: name it in ROOMS of .dependency-cruiser.mjs: tools/execution/extra/new.ts → tools/base/units.ts',
      `${below('tools/host')}/host.ts → tools/execution/records/journal.ts`,
      `${below('tools/monitoring/run')}/blocked.ts → tools/results/read/files.ts`,
      `${below('tools/results/read')}/json.ts → tools/results/report/drawing/html.ts`,
      `${below('tools/results/report')}/page.ts → tools/results/comparison/comparison.ts`,
      `${below('tools/suite/model')}/corpus.ts → tools/suite/plan/plan.ts`,
    ].sort(),
  );
  expect(refused).toEqual(
    expect.arrayContaining([expect.stringMatching(/^no circle: tools\/base\/(units|message)\.ts →/)]),
  );
});
