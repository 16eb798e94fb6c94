// A corpus of wrong inputs, through the code that reads them: each a clear error with its place, none a stack trace,
// nothing written, and never a pass.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fault } from '../../tools/base/fault.js';
import { readReceipt } from '../../tools/execution/records/receipt.js';
import { faultOfRead } from '../../tools/execution/cell/failure.js';
import { resolveReads } from '../../tools/execution/records/reads.js';
import { writeVerdict } from '../../tools/results/write.js';
import { formatDiagnostic } from '../../tools/suite/yaml/diagnostics.js';
import { parseSuite } from '../../tools/suite/load/load.js';
import { readProfile } from '../../tools/suite/memory/profiles.js';
import { loadSiteSettings } from '../../tools/suite/settings/settings.js';
import { filesOf, planOf } from '../results/builders.js';
import { MANIFESTS, NOT_RESULTS, PROFILES, SITE_TEXTS, SUITE_TEXTS, VARIABLES } from './corpus.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-bad-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A sentence for people: no trace, no [object Object], no bare "Invalid input". */
function expectSentence(text: string): void {
  expect(text).not.toMatch(/\n\s+at .*:\d+|\[object Object\]|undefined|Invalid input/);
  expect(text.trim().length).toBeGreaterThan(10);
}

test('the corpus has more than a hundred', () => {
  const all = [SUITE_TEXTS, SITE_TEXTS, VARIABLES, NOT_RESULTS, MANIFESTS, PROFILES];
  expect(all.reduce((sum, one) => sum + one.length, 0)).toBeGreaterThanOrEqual(150);
});

describe('suite.yaml', () => {
  test.each(SUITE_TEXTS)('%j', (text, line) => {
    const parsed = parseSuite('x', text, () => ({ kind: 'none' }));
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    const sentences = parsed.error.map(formatDiagnostic);
    expect(sentences[0]).toMatch(new RegExp(`^suites/x/suite\\.yaml:${line}:\\d+: `));
    sentences.forEach(expectSentence);
  });
});

describe('site.yaml', () => {
  test.each(SITE_TEXTS)('%j', (text) => {
    put('workspace-config/site.yaml', text);
    let said = '';
    try {
      loadSiteSettings(root, {});
    } catch (error) {
      said = (error as Error).message;
    }
    expect(said).toMatch(/^workspace-config\/site\.yaml:\d+:\d+: /);
    expectSentence(said);
    expect(readdirSync(root)).toEqual(['workspace-config']);
  });
});

describe('environment variables', () => {
  test.each(VARIABLES)('%s=%s', (name, value) => {
    let said = '';
    try {
      loadSiteSettings(root, { [name]: value });
    } catch (error) {
      said = (error as Error).message;
    }
    expect(said).toContain(`environment variable ${name}: `);
    expectSentence(said);
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('manifests', () => {
  test.each(MANIFESTS)('%j', async (text) => {
    put('output/x.manifest.json', text);
    const reads = await resolveReads(root, join(root, 'store'), [
      { name: 'subject', path: 'output/x.manifest.json', as: 'weights' },
    ]);
    if (reads.ok) throw new Error('such a manifest is read');
    const fault = faultOfRead(reads.error);
    expect(fault).toBeInstanceOf(Fault);
    expect(fault.code).toBe('bad_input');
    expect(fault.message).toContain('output/x.manifest.json');
    expectSentence(`${fault.message} ${fault.hint}`);
  });
});

describe('model profiles', () => {
  const path = 'output/x/models/m/baseline.profile.json';
  test.each(PROFILES)('%j', (text, words) => {
    put(path, text);
    const said: string[] = [];
    expect(readProfile(root, 'x', 'm', (sentence) => said.push(sentence))).toBeUndefined();
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`${path} ${words}`);
    expect(said[0]).toContain('npx nx run x.m.baseline:setup');
    expect(said[0]?.length).toBeLessThan(300);
    expectSentence(said[0] ?? '');
    expect(readdirSync(join(root, 'output/x'))).toEqual(['models']);
  });
});

describe('receipts', () => {
  test.each(NOT_RESULTS)('%j is no receipt: the cell runs', (text) => {
    put('receipt.json', text);
    expect(readReceipt(join(root, 'receipt.json'))).toBeUndefined();
  });
});

describe('results', () => {
  const plan = planOf({ edits: { a_clean: 'clean', b_stress: 'stress' } });
  const victims = [
    'output/s/m/certificates/a_clean/run_1/evaluation.cert.json',
    'output/s/m/certificates/a_clean/run_1/outcome.json',
    'output/s/m/certificates/errors/nan_injection/outcome.json',
    'output/s/m/evals/baseline_results.json',
    'output/s/m/certificates/a_clean/run_1/receipt.json',
  ];
  test.each(victims.flatMap((path) => NOT_RESULTS.map((text) => [path, text] as const)))(
    '%s as %# is named, and never a pass',
    async (path, text) => {
      const files = filesOf(plan);
      expect(files.has(path)).toBe(true);
      for (const [name, content] of files) if (content.ok) put(name, JSON.stringify(content.value));
      put(path, text);
      const { verdict, findings } = await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
      expect(verdict).toBe('INCOMPLETE');
      const named = findings.analysis.missing.filter((one) => one.path === path);
      expect(named.length).toBeGreaterThan(0);
      // The schema's own words (`expected object, received undefined`) name the field; a trace names nothing.
      for (const { detail } of named) expect(detail).not.toMatch(/\n\s+at .*:\d+|\[object Object\]/);
    },
  );
});
