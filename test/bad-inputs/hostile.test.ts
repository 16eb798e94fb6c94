// Hostile and clumsy inputs, through the code that reads them: each a clear error with its place, at once, and never a
// pass.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../tools/base/canonical.js';
import { alteredResult, readReceipt } from '../../tools/execution/records/receipt.js';
import { parseManifest, weightsProblem } from '../../tools/execution/records/manifest.js';
import { writeVerdict } from '../../tools/results/write.js';
import { loadSuite, parseSuite, type Input } from '../../tools/suite/load/load.js';
import { requireInStep } from '../../tools/suite/nx/in-step.js';
import { loadSiteSettings } from '../../tools/suite/settings/settings.js';
import { unknownVariables } from '../../tools/suite/settings/unknown-variables.js';
import { formatDiagnostic } from '../../tools/suite/yaml/diagnostics.js';
import { filesOf, planOf } from '../results/builders.js';
import { CONTRADICTIONS, RATIOS, SITES, STRANGE_FILES, SUITES, UNKNOWN } from './hostile.js';
import { makeStrange } from './special-files.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-hostile-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, text: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function expectSentence(text: string): void {
  expect(text).not.toMatch(
    /\n\s+at .*:\d+|\[object Object\]|undefined|Invalid input|circular structure|call stack/,
  );
  expect(text.trim().length).toBeGreaterThan(10);
}

function said(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was wrong';
}

/** Alone there is a file, `weights.bin`, beside suite.yaml. */
const beside = (path: string): Input =>
  path === 'suites/x/weights.bin' ? { kind: 'file', text: '' } : { kind: 'none' };

test('there are more than a hundred kinds', () => {
  const tables = [SUITES, SITES, STRANGE_FILES, STRANGE_FILES, UNKNOWN, CONTRADICTIONS, RATIOS];
  expect(tables.reduce((sum, one) => sum + one.length, 0)).toBeGreaterThanOrEqual(120);
});

describe('suite.yaml', () => {
  test.each(SUITES)('%s', (_, text, line, words) => {
    const parsed = parseSuite('x', text, beside);
    if (parsed.ok) throw new Error('it is taken for a suite');
    const sentences = parsed.error.map(formatDiagnostic);
    // Of what the parser's own stack cannot hold, the place is not known.
    expect(sentences[0]).toMatch(new RegExp(`^suites/x/suite\\.yaml:${line === 0 ? '\\d+' : line}:\\d+: `));
    expect(sentences[0]).toContain(words);
    sentences.forEach(expectSentence);
    expect(sentences.join('').length).toBeLessThan(20_000);
  });

  test('a path without a model is told, and is no mistake: it may come', () => {
    const parsed = parseSuite('x', 'models: [{ name: m, path: later, size_class: 7b }]', beside);
    if (!parsed.ok) throw new Error('it is refused');
    expect(parsed.value.warnings.map(formatDiagnostic)).toEqual([
      expect.stringMatching(
        /^suites\/x\/suite\.yaml:1:27: models\[0\]\.path: suites\/x\/later does not exist here/,
      ),
    ]);
  });
});

describe('what is no file where a YAML file should be', () => {
  test.each(STRANGE_FILES)('site.yaml: %s', (kind, words) => {
    mkdirSync(join(root, 'workspace-config'));
    makeStrange(kind, join(root, 'workspace-config/site.yaml'));
    const sentence = said(() => loadSiteSettings(root, {}));
    expect(sentence).toMatch(/^workspace-config\/site\.yaml:1:1: /);
    expect(sentence).toContain(words);
    expectSentence(sentence);
  });

  test.each(STRANGE_FILES)('suite.yaml: %s', (kind, words) => {
    mkdirSync(join(root, 'suites/x'), { recursive: true });
    makeStrange(kind, join(root, 'suites/x/suite.yaml'));
    const loaded = loadSuite(root, 'x');
    if (loaded.ok) throw new Error('it is taken for a suite');
    const [sentence = ''] = loaded.error.map(formatDiagnostic);
    expect(sentence).toMatch(/^suites\/x\/suite\.yaml:1:1: /);
    expect(sentence).toContain(words);
    expectSentence(sentence);
    // Every cell asks this.
    const inStep = said(() => {
      requireInStep(root, 'x', { identity: {}, suiteDigest: 'd' });
    });
    expect(inStep).toContain(words);
    expectSentence(inStep);
  });
});

describe('site.yaml', () => {
  test.each(SITES)('%s', (_, text, words) => {
    put('workspace-config/site.yaml', text);
    const sentence = said(() => loadSiteSettings(root, {}));
    expect(sentence).toMatch(/^workspace-config\/site\.yaml:\d+:\d+: /);
    expect(sentence).toContain(words);
    expectSentence(sentence);
    expect(readdirSync(root)).toEqual(['workspace-config']);
  });

  test('~ is home, in the file and in variables, and nothing else', () => {
    put('workspace-config/site.yaml', 'storage: { root: ~/weights }');
    const settings = loadSiteSettings(root, {
      OUTPUT_DIR: '~',
      VALIDATION_LOCK_DIR: './~/locks',
      HOME: '/home/me',
    });
    expect(settings).toMatchObject({
      storageRoot: '/home/me/weights',
      outputDirectory: '/home/me',
      lockDirectory: join(root, '~/locks'),
    });
    expect(loadSiteSettings(root, {}).storageRoot).toBe(join(homedir(), 'weights'));
  });
});

describe('variables', () => {
  test.each(UNKNOWN)('%s is none', (name, near) => {
    const sentence = said(() => loadSiteSettings(root, { [name]: '1' }));
    expect(sentence).toContain(`environment variable ${name}: `);
    expect(sentence).toContain(near);
    expectSentence(sentence);
  });

  test("other programs' are let pass", () => {
    const foreign = [
      'MODEL_DIR',
      'CUDA_HOME',
      'GPU_DEVICE_ORDINAL',
      'EVALUATION',
      'VALIDATIONS',
      'HF_HOME',
      'OMP_NUM_THREADS',
    ];
    expect(unknownVariables(Object.fromEntries(foreign.map((name) => [name, '1'])))).toEqual([]);
    expect(
      unknownVariables({ TASK_TIMEOUT_EVAL_MMLU: '5', INVARLOCK_CONFIG_ROOT: '/x', VALIDATION_LEASE: 'x' }),
    ).toEqual([]);
  });

  test.each(CONTRADICTIONS)('%j with site.yaml %j', (environment, site, names) => {
    put('workspace-config/site.yaml', site);
    const sentence = said(() => loadSiteSettings(root, environment));
    for (const name of names) expect(sentence).toContain(name);
    expectSentence(sentence);
    // One of them alone is fine.
    for (const name of Object.keys(environment)) {
      const rest = Object.fromEntries(Object.entries(environment).filter(([other]) => other !== name));
      loadSiteSettings(root, rest);
    }
  });
});

describe('an entry of the weights store', () => {
  const RECIPE = 'a'.repeat(64);
  const manifest = JSON.stringify({
    schema: 1,
    recipe: RECIPE,
    files: [{ path: 'sub/model.safetensors', bytes: 3, sha256: sha256('abc') }],
    bytes: 3,
  });
  const problem = () => weightsProblem(join(root, 'store'), parseManifest(manifest), sha256(manifest));
  beforeEach(() => {
    put(`store/${RECIPE}/sub/model.safetensors`, 'abc');
    put(`store/${RECIPE}/manifest.json`, manifest);
    put('elsewhere/sub/model.safetensors', 'abc');
    put('elsewhere/manifest.json', manifest);
  });

  test.each(['', '/sub', '/sub/model.safetensors', '/manifest.json'])(
    'that is a link at "%s" is refused, though bytes and times are right',
    async (place) => {
      expect(await problem()).toBeUndefined();
      rmSync(join(root, `store/${RECIPE}${place}`), { recursive: true });
      symlinkSync(join(root, `elsewhere${place}`), join(root, `store/${RECIPE}${place}`));
      expect(await problem()).toEqual({
        how: 'replaced by a link',
        path: join(root, `store/${RECIPE}${place}`),
      });
    },
  );
});

describe('results', () => {
  const plan = planOf({ edits: { a_clean: 'clean', b_stress: 'stress' } });
  const certificate = 'output/s/m/certificates/a_clean/run_1/evaluation.cert.json';
  const lay = (): void => {
    for (const [name, content] of filesOf(plan)) if (content.ok) put(name, JSON.stringify(content.value));
  };

  test.each(RATIOS)('a ratio of %s is no pass, and no detection', async (ratio) => {
    lay();
    const cert = JSON.stringify(filesOf(plan).get(certificate)).replace(
      /^\{"ok":true,"value":(.*)\}$/s,
      '$1',
    );
    expect(cert).toContain('"ratio_vs_baseline":1');
    put(certificate, cert.replace('"ratio_vs_baseline":1', `"ratio_vs_baseline":${ratio}`));
    const { verdict, findings } = await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
    expect(verdict).toBe('INCOMPLETE');
    const row = findings.analysis.certificates.find(({ path }) => path === certificate);
    expect(row).toMatchObject({ flagged: null, triage: 'REVIEW' });
    expect(findings.analysis.missing).toContainEqual(
      expect.objectContaining({ path: certificate, reason: 'incomplete' }),
    );
  });

  test('what somebody altered is so called, an error and not skipped', async () => {
    lay();
    const altered = { reason: 'altered' as const, detail: 'x was altered' };
    const known = {
      outdated: ({ cell }: { cell: string }) => (cell === 's.m.a_clean:certify-1' ? altered : null),
    };
    const { verdict } = await writeVerdict({ workspaceRoot: root, plan, known, retryAfterMs: 1 });
    expect(verdict).toBe('INCOMPLETE');
    const { readFileSync } = await import('node:fs');
    const junit = readFileSync(join(root, 'output/s/reports/junit.xml'), 'utf8');
    expect(junit).toContain('<error type="altered" message="');
    expect(junit).toMatch(/<testsuite name="s.m.a_clean" tests="3" failures="0" errors="3" skipped="0"/m);
    expect(readFileSync(join(root, 'output/s/reports/final_verdict.txt'), 'utf8')).toContain(
      'Altered after the cell had ended (1)',
    );
  });

  test('gone and altered are told apart', async () => {
    const file = put('a.json', '{}');
    const receipt = { results: { 'a.json': sha256('{}') } } as unknown as Parameters<typeof alteredResult>[1];
    expect(await alteredResult(root, receipt)).toBeUndefined();
    writeFileSync(file, '[]');
    expect(await alteredResult(root, receipt)).toMatchObject({ reason: 'altered' });
    rmSync(file);
    expect(await alteredResult(root, receipt)).toMatchObject({ reason: 'absent' });
    makeStrange('pipe', file);
    expect(await alteredResult(root, receipt)).toMatchObject({ reason: 'absent' });
  });

  test.each(['pipe', 'directory', 'link to itself', 'link to a device that is empty'])(
    'a receipt or a result that is a %s keeps nobody waiting',
    async (kind) => {
      lay();
      for (const path of [certificate, 'output/s/m/certificates/a_clean/run_1/receipt.json']) {
        rmSync(join(root, path));
        makeStrange(kind, join(root, path));
      }
      expect(readReceipt(join(root, 'output/s/m/certificates/a_clean/run_1/receipt.json'))).toBeUndefined();
      const { verdict } = await writeVerdict({ workspaceRoot: root, plan, retryAfterMs: 1 });
      expect(verdict).toBe('INCOMPLETE');
    },
  );
});
