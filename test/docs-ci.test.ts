// The workflow of docs/ci.md: its commands are the product's own, and its last step passes and stops what the page says.
import { execa } from 'execa';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import suiteSchema from '../tools/generators/suite.schema.json' with { type: 'json' };
import { planSuite } from '../tools/suite/plan/plan.js';
import { projectFiles } from '../tools/suite/nx/project-json.js';
import { parsed } from './suite/parse.js';

const ROOT = join(import.meta.dirname, '..');
const VERDICT = 'output/mine/reports/final_verdict.json';

interface Step {
  name?: string;
  run?: string;
  with?: { path?: string };
  'working-directory'?: string;
}
const [, block = ''] =
  /^```yaml\n([\s\S]*?)^```$/m.exec(readFileSync(join(ROOT, 'docs/ci.md'), 'utf8')) ?? [];
const { jobs } = parse(block) as { jobs: { invarlock: { steps: Step[] } } };
const { steps } = jobs.invarlock;
const ran = steps.flatMap(({ run }) => run?.trim().split('\n') ?? []);

test('every command is one that there is, in the checkout of the suite', () => {
  for (const step of steps.filter(({ run }) => run !== undefined))
    expect(step['working-directory'], step.name).toBe('validation');
  const generate = ran.find((line) => line.includes('nx g ./tools:suite')) ?? '';
  const options = [...generate.matchAll(/ --([\w-]+)/g)].map(([, option = '']) => option);
  expect(options).toEqual(['model', 'checkpoint', 'profile', 'no-interactive']);
  const known = Object.keys(suiteSchema.properties);
  expect(options.filter((option) => option !== 'no-interactive' && !known.includes(option))).toEqual([]);
  const [whole] = projectFiles(
    parsed('models: [{id: org/base-7b}]\nedits: {clean: ["quant_rtn:8:128:ffn"]}\n', {}, 'mine'),
  );
  const targets = Object.keys((JSON.parse(whole?.text ?? '') as { targets: object }).targets);
  const asked = ran.flatMap((line) => /nx run mine:([\w-]+)/.exec(line)?.[1] ?? []);
  expect(asked).toEqual(['doctor', 'certify']);
  for (const target of asked) expect(targets).toContain(target);
});

test('the name that its last step looks for is that of the candidate', () => {
  const edits = '{clean: [{checkpoint: /model/out}]}';
  const cells = planSuite(
    parsed(`models: [{id: org/base, size_class: tiny, edits: ${edits}}]\n`, {}, 'mine'),
  );
  const made = cells.find(({ kind }) => kind === 'adopt');
  expect(ran.join('\n')).toContain(`"${made?.model ?? ''}/${made?.parts[0]?.name ?? ''}"`);
});

/** As a finished run leaves it, with another candidate. */
function verdict(change: object): string {
  const golden = readFileSync(join(ROOT, 'test/results/golden/final_verdict.json.golden'), 'utf8');
  const whole = JSON.parse(golden) as { labels: object[] };
  return JSON.stringify({
    ...whole,
    labels: [{ ...whole.labels[0], name: 'base/out', flagged: false }],
    ...change,
  });
}

test.each<[what: string, text: string, exitCode: number]>([
  ['what InvarLock did not flag', verdict({}), 0],
  ['what it flagged', verdict({ labels: [{ name: 'base/out', flagged: true }] }), 1],
  ['what it was not asked of', verdict({ labels: [{ name: 'base/out', flagged: null }] }), 1],
  ['a run that is not complete', verdict({ complete: false }), 1],
  ['a suite without the candidate', verdict({ labels: [] }), 1],
])('%s: the last step says so', async (_, text, exitCode) => {
  const root = mkdtempSync(join(tmpdir(), 'docs-ci-'));
  try {
    mkdirSync(join(root, dirname(VERDICT)), { recursive: true });
    writeFileSync(join(root, VERDICT), text);
    const last = steps.at(-1)?.run ?? '';
    const done = await execa('bash', ['-ec', last], { cwd: root, reject: false });
    expect(done.exitCode, done.stderr).toBe(exitCode);
    expect(done.stderr).toBe('');
  } finally {
    rmSync(root, { recursive: true });
  }
});
