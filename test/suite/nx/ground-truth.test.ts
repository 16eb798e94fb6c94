// The margins of ground truth, and the judges: from suite.yaml into the suite's project, and read back from there.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readGeneratedSuite } from '../../../tools/suite/nx/generated.js';
import { projectFiles } from '../../../tools/suite/nx/project-json.js';
import { parsed } from '../parse.js';

test.each([
  ['', { delta: 1, benchmarkDelta: 2 }],
  ['ground_truth: { benchmark_delta: 3.5 }', { delta: 1, benchmarkDelta: 3.5 }],
  ['ground_truth: { delta: 0.5 }', { delta: 0.5, benchmarkDelta: 2 }],
])('%j', (setting, expected) => {
  const root = mkdtempSync(join(tmpdir(), 'ground-truth-'));
  try {
    for (const { path, text } of projectFiles(parsed(`models: [{id: a/m-7b}]\n${setting}\n`))) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    expect(readGeneratedSuite(root, 'x')?.groundTruth).toEqual(expected);
  } finally {
    rmSync(root, { recursive: true });
  }
});

const ALL = [
  ...['invarlock', 'finite', 'perplexity', 'recovery', 'flips', 'kl', 'weight-error'],
  ...['always', 'never', 'by-name'],
];

test.each([
  ['', ALL, false],
  ['judges: [kl, invarlock]', ['kl', 'invarlock'], true],
])('%j', (setting, expected, written) => {
  const root = mkdtempSync(join(tmpdir(), 'judges-'));
  try {
    const made = projectFiles(parsed(`models: [{id: a/m-7b}]\n${setting}\n`));
    for (const { path, text } of made) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    // The default stands in no project: a judge more makes none of them anew.
    expect(made[0]?.text.includes('"judges"')).toBe(written);
    for (const { text } of made.slice(1)) expect(text).not.toContain('judges');
    expect(readGeneratedSuite(root, 'x')?.judges).toEqual(expected);
  } finally {
    rmSync(root, { recursive: true });
  }
});
