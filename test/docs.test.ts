// The documents of the repository: their links lead somewhere, the files they name are there, and nothing cites a
// document that is not part of the repository.
import { execaSync } from 'execa';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { anchors, prose, relativeLinks } from './support/markdown.js';

const ROOT = join(import.meta.dirname, '..');
/** Files that git knows or would add, and that are there. */
const FILES = execaSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  .stdout.split('\n')
  .filter((path) => existsSync(join(ROOT, path)));
const PAGES = FILES.filter((path) => /^(docs\/)?[\w.-]+\.md$/.test(path));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Why a link of a page leads nowhere; undefined when it does. */
function broken(page: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(ROOT, target))) return `${page}: ${link}: no ${target}`;
  if (anchor === undefined) return undefined;
  return anchors(read(target)).includes(anchor) ? undefined : `${page}: ${link}: no such heading`;
}

test('links and anchors are read as GitHub reads them', () => {
  const page =
    '# A `b`: c, d\n\n[x](y.md#z) ![i](i.png) [u](https://u)\n\n```\n# no\n[n](n)\n```\n\n## A b c d\n';
  expect(relativeLinks(page)).toEqual(['y.md#z', 'i.png']);
  expect(anchors(page)).toEqual(['a-b-c-d', 'a-b-c-d-1']);
});

test('every relative link of README, CONTRIBUTING and docs leads to a file and a heading', () => {
  expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/architecture.md']));
  const links = PAGES.flatMap((page) => relativeLinks(read(page)).map((link) => ({ page, link })));
  expect(links.length).toBeGreaterThan(50);
  expect(links.flatMap(({ page, link }) => broken(page, link) ?? [])).toEqual([]);
});

test('every page of docs can be reached from the README', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) {
    for (const link of relativeLinks(read(page))) {
      const target = normalize(join(dirname(page), link.split('#')[0] ?? ''));
      if (PAGES.includes(target)) reached.add(target);
    }
  }
  expect(PAGES.filter((page) => !reached.has(page))).toEqual([]);
});

/** Paths in backticks that begin with a folder of the repository and have no placeholder in them. */
function namedPaths(page: string): string[] {
  const spans = [...prose(page).matchAll(/`([^`\s]+)`/g)].map(([, span = '']) => span);
  const path = /^(tools|test|docs|suites|workspace-config|scripts|bench|\.github)\/[\w./-]*$/;
  return spans.filter((span) => path.test(span) && !span.startsWith('tools/dist'));
}

test.each(['docs/architecture.md', 'CONTRIBUTING.md', 'docs/adding-an-edit.md', 'docs/formulas.md'])(
  'every path that %s names is there',
  (page) => {
    const named = namedPaths(read(page));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  },
);

/** Documents that are not in the repository, in the words that once cited them. */
const FORBIDDEN = [
  /reference[-_]facts|invarlock-facts|nx-facts|hub-facts/i,
  /\bthe seed[’']s\b/i,
  /\bseed document\b/i,
  /\bdesign document\b/i,
  /\bthe reference['’]s\b|\bthe reference suite\b/i,
];
/** `docs/architecture.md` is here; other pages of that name are not. */
const ELSEWHERE = /(?<!docs\/|\()architecture\.md/;

/** Files of text that people write. */
function isWritten(path: string): boolean {
  if (path === 'test/docs.test.ts' || path === 'package-lock.json') return false;
  return (
    /\.(ts|mjs|js|py|md|yaml|yml|json|toml|txt|in|sh)$/.test(path) && statSync(join(ROOT, path)).size < 1e6
  );
}

test('no file cites a document that is not in the repository', () => {
  const found = FILES.filter(isWritten).flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) =>
        [...FORBIDDEN, ELSEWHERE].some((phrase) => phrase.test(line))
          ? [`${path}:${index + 1}: ${line.trim().slice(0, 120)}`]
          : [],
      ),
  );
  expect(found).toEqual([]);
});
