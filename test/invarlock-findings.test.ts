// docs/findings.md: every command says of the pinned InvarLock, and of a real smoke run, what the page says it does.
import { execa } from 'execa';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderVerdict } from '../tools/results/write.js';
import { smokeFiles, smokeFindings } from './results/golden/smoke-run.js';
import { REPOSITORY } from './support/repository.js';

const root = mkdtempSync(join(tmpdir(), 'findings-'));
const page = readFileSync(join(REPOSITORY, 'docs/findings.md'), 'utf8');
const FINDING = /```bash\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g;
const findings = [...page.matchAll(FINDING)].map(([, command = '', said = ''], at) => {
  const before = page.slice(0, page.indexOf(command));
  const [title = ''] = [...before.matchAll(/^## (.*)$/gm)].at(-1)?.slice(1) ?? [];
  return { title: `${at + 1}: ${title}`, command, said };
});

/** As InvarLock writes JSON: NaN stands bare, which Python reads. */
function pythonJson(value: unknown): string {
  const marked = JSON.stringify(value, (_key, one: unknown) => (Number.isNaN(one) ? '<NaN>' : one));
  return marked.replaceAll('"<NaN>"', 'NaN');
}

beforeAll(() => {
  symlinkSync(join(REPOSITORY, '.venv'), join(root, '.venv'));
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const [path, content] of smokeFiles()) {
    if (content.ok && path.includes('/certificates/')) put(path, pythonJson(content.value));
  }
  for (const [path, text] of renderVerdict(smokeFindings())) put(path, text);
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

test('every block of code is a command with what it says', () => {
  expect(findings.length).toBeGreaterThan(8);
  expect(page.match(/^```(bash|text)$/gm)).toHaveLength(2 * findings.length);
});

test.each(findings)('$title', { timeout: 300_000 }, async ({ command, said }) => {
  const env = { OMP_NUM_THREADS: '1', INVARLOCK_TINY_RELAX: undefined };
  const { stdout } = await execa('bash', ['-ec', command], { cwd: root, env });
  expect(`${stdout}\n`).toBe(said);
});
