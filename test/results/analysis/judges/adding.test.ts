// docs/adding-a-judge.md, done as it says: its code in its places, in a copy of tools/, is compiled and judges.
import { execa } from 'execa';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Judge } from '../../../../tools/results/analysis/judges/judge.js';
import { REPOSITORY } from '../../../support/repository.js';
import { subject } from './variants.js';

const root = mkdtempSync(join(tmpdir(), 'adding-a-judge-'));
const page = readFileSync(join(REPOSITORY, 'docs/adding-a-judge.md'), 'utf8');
/** Blocks of code of the page, without the indent of their list. */
const blocks = [...page.matchAll(/^ {3}```ts\n([\s\S]*?)^ {3}```$/gm)].map(([, code = '']) =>
  code.replace(/^ {3}/gm, ''),
);

function insert(file: string, before: RegExp, text: string): void {
  const path = join(root, file);
  const code = readFileSync(path, 'utf8');
  const changed = code.replace(before, (found) => `${text}${found}`);
  expect(changed, file).not.toBe(code);
  writeFileSync(path, changed);
}

beforeAll(() => {
  cpSync(join(REPOSITORY, 'tools'), join(root, 'tools'), {
    recursive: true,
    filter: (path) => !/\/tools\/(dist|python)$/.test(path),
  });
  cpSync(join(REPOSITORY, 'package.json'), join(root, 'package.json'));
  symlinkSync(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
  const [module = '', name = '', line = '', row = ''] = blocks;
  expect(blocks).toHaveLength(4);
  writeFileSync(join(root, 'tools/results/analysis/judges/ratio-upper.ts'), module);
  insert('tools/suite/model/suite.ts', /\] as const;\nexport type JudgeName/, name);
  insert('tools/results/analysis/judges/index.ts', /import \{ weightError/, line);
  insert('tools/results/analysis/judges/index.ts', /\};\n\n\/\*\* A judge that breaks/, row);
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

test(
  'the code compiles where the page puts it, and judges as its example says',
  { timeout: 300_000 },
  async () => {
    // Only the table and what it imports: compiling all of tools/ takes ten times as long.
    const config = { extends: './tsconfig.json', files: ['results/analysis/judges/index.ts'], include: [] };
    writeFileSync(join(root, 'tools/tsconfig.judges.json'), JSON.stringify(config));
    await execa(join(REPOSITORY, 'node_modules/.bin/tsc'), ['-p', 'tools/tsconfig.judges.json'], {
      cwd: root,
    });
    const built = join(root, 'tools/dist/results/analysis/judges/index.js');
    const { JUDGE_TABLE } = (await import(/* @vite-ignore */ built)) as {
      JUDGE_TABLE: Record<string, readonly Judge[]>;
    };
    const [judge] = JUDGE_TABLE['ratio-upper'] ?? [];
    const example = subject({ certificates: [{ ratio: 1.08, ci: [1.05, 1.12] }] });
    expect(page).toContain('subject({ certificates: [{ ratio: 1.08, ci: [1.05, 1.12] }] })');
    expect(judge?.judge(example)).toMatchObject({
      judgement: 'flagged',
      score: 1.12,
      because: 'up to 1.1200',
    });
    expect(judge?.judge(subject({ certificates: ['missing'] })).judgement).toBe('undecided');
  },
);

test('the page lists every judge', async () => {
  const { ALL_JUDGES } = await import('../../../../tools/suite/model/suite.js');
  for (const name of ALL_JUDGES) expect(page).toContain(`| \`${name}\``);
});
