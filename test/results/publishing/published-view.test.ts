import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { publishView } from '../../../tools/results/publishing/published-view.js';

let root: string;
let view: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-view-'));
  view = join(root, 'elsewhere', 'run');
  write('output/x/reports/final_verdict.txt', 'PHASE0_VALIDATED');
  write('output/x/m/evals/baseline_results.json', '{}');
  write('store/abc/model.safetensors', 'weights');
  mkdirSync(join(root, 'output/x/models/m'), { recursive: true });
  symlinkSync('../../../../store/abc', join(root, 'output/x/models/m/baseline'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  // As cells do: another file under the same name.
  writeFileSync(`${join(root, path)}.new`, text);
  renameSync(`${join(root, path)}.new`, join(root, path));
}

const read = (path: string): string => readFileSync(join(view, path), 'utf8');

test('the whole tree, by links; a second time there is nothing to make', () => {
  expect(publishView(root, 'x', view)).toEqual({ directory: view, made: 3, removed: 0 });
  expect(read('reports/final_verdict.txt')).toBe('PHASE0_VALIDATED');
  expect(read('models/m/baseline/model.safetensors')).toBe('weights');
  expect(lstatSync(join(view, 'models/m/baseline')).isSymbolicLink()).toBe(true);
  const [a, b] = [
    join(root, 'output/x/m/evals/baseline_results.json'),
    join(view, 'm/evals/baseline_results.json'),
  ];
  expect(statSync(a).ino).toBe(statSync(b).ino);
  expect(publishView(root, 'x', view)).toMatchObject({ made: 0, removed: 0 });
});

test('what was replaced, deleted by hand or is gone is repaired; what is a person’s stays', () => {
  publishView(root, 'x', view);
  write('output/x/reports/final_verdict.txt', 'PHASE0_FAILED');
  rmSync(join(view, 'models/m/baseline'));
  rmSync(join(root, 'output/x/m/evals/baseline_results.json'));
  writeFileSync(join(view, 'notes.md'), 'mine');
  expect(publishView(root, 'x', view)).toMatchObject({ made: 2, removed: 1 });
  expect(read('reports/final_verdict.txt')).toBe('PHASE0_FAILED');
  expect(existsSync(join(view, 'm/evals/baseline_results.json'))).toBe(false);
  expect(read('notes.md')).toBe('mine');
  expect(readdirSync(join(view, 'reports'))).toEqual(['final_verdict.txt']);
});

test('nothing of anyone else is overwritten, and the view never shows itself', () => {
  mkdirSync(join(view, 'reports'), { recursive: true });
  writeFileSync(join(view, 'reports/final_verdict.txt'), 'theirs');
  expect(() => publishView(root, 'x', view)).toThrow('final_verdict.txt is in the way');
  expect(read('reports/final_verdict.txt')).toBe('theirs');
  expect(() => publishView(root, 'x', join(root, 'output/x/view'))).toThrow('lies inside');
  writeFileSync(join(root, 'file'), '');
  expect(() => publishView(root, 'x', join(root, 'file'))).toThrow('is no directory');
});

test('what a killed publication left is its own: it is replaced, finished and tidied', () => {
  publishView(root, 'x', view);
  const list = readFileSync(join(view, '.published.json'), 'utf8');
  // As it stands in the middle: the list is there, one file is old, one lacks, one is half made by another name.
  rmSync(join(view, 'm/evals/baseline_results.json'));
  writeFileSync(join(view, 'reports/.final_verdict.txt.0123456789ab.publishing'), 'PHASE0');
  writeFileSync(join(view, '.published.json.0123456789ab.tmp'), '{');
  write('output/x/reports/final_verdict.txt', 'PHASE0_FAILED');
  expect(publishView(root, 'x', view)).toMatchObject({ made: 2, removed: 0 });
  expect(read('reports/final_verdict.txt')).toBe('PHASE0_FAILED');
  expect(readdirSync(join(view, 'reports'))).toEqual(['final_verdict.txt']);
  expect(readdirSync(view).sort()).toEqual(['.published.json', 'm', 'models', 'reports']);
  expect(readFileSync(join(view, '.published.json'), 'utf8')).toBe(list);
});

test('where something is in the way nothing is changed', () => {
  mkdirSync(join(view, 'reports'), { recursive: true });
  writeFileSync(join(view, 'reports/final_verdict.txt'), 'theirs');
  expect(() => publishView(root, 'x', view)).toThrow('is in the way');
  expect(readdirSync(view)).toEqual(['reports']);
});

test('a directory goes with the last that was in it; another suite needs another place', () => {
  publishView(root, 'x', view);
  rmSync(join(root, 'output/x/m'), { recursive: true });
  expect(publishView(root, 'x', view)).toMatchObject({ made: 0, removed: 1 });
  expect(existsSync(join(view, 'm'))).toBe(false);
  write('output/y/reports/final_verdict.txt', 'PHASE0_FAILED');
  expect(() => publishView(root, 'y', view)).toThrow(`OUTPUT_DIR ${view} shows suite x. Name another`);
  expect(read('reports/final_verdict.txt')).toBe('PHASE0_VALIDATED');
});
