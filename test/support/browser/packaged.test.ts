// The packaged Chromium in the cache: whole or absent, fetched once, and only if it is the pinned one.
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packagedChromium, type Fetching, type PinnedPackage } from './packaged.js';

let root: string;
let pinned: PinnedPackage;
let packed: string[];
let settings: Required<Fetching>;

/** A package with the layout of the real one, whose files are a few bytes. */
async function makePackage(folder: string): Promise<string> {
  const bin = join(folder, 'package/bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'chromium.br'), brotliCompressSync('a browser'));
  for (const [archive, inside] of [
    ['al2023.tar', 'lib/libnss3.so'],
    ['fonts.tar', 'fonts/OpenSans.ttf'],
  ] as const) {
    const content = join(folder, archive.replace('.tar', ''));
    mkdirSync(join(content, inside, '..'), { recursive: true });
    writeFileSync(join(content, inside), inside);
    await execa('tar', ['-cf', join(folder, archive), '-C', content, '.']);
    writeFileSync(join(bin, `${archive}.br`), brotliCompressSync(readFileSync(join(folder, archive))));
  }
  const file = join(folder, 'package.tgz');
  await execa('tar', ['-czf', file, '-C', folder, 'package']);
  return file;
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'validation-chromium-'));
  const file = await makePackage(join(root, 'made'));
  const digest = createHash('sha512').update(readFileSync(file)).digest('base64');
  pinned = { name: 'a-browser', version: '1.2.3', integrity: `sha512-${digest}` };
  packed = [];
  const pack = (specifier: string, folder: string): Promise<string> => {
    packed.push(specifier);
    cpSync(file, join(folder, 'package.tgz'));
    return Promise.resolve(join(folder, 'package.tgz'));
  };
  settings = { cache: join(root, 'cache'), pinned, pack, log: () => undefined };
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const cached = (): string[] => readdirSync(join(root, 'cache'));

test('brings the browser, its libraries and its fonts, and leaves nothing else', async () => {
  const { executable, environment } = await packagedChromium(settings);
  const home = join(root, 'cache/chromium-1.2.3');
  expect(packed).toEqual(['a-browser@1.2.3']);
  expect(readFileSync(executable, 'utf8')).toBe('a browser');
  expect(statSync(executable).mode & 0o777).toBe(0o755);
  expect(environment.LD_LIBRARY_PATH?.split(':')[0]).toBe(join(home, 'lib'));
  expect(readFileSync(join(home, 'lib/libnss3.so'), 'utf8')).toBe('lib/libnss3.so');
  expect(readFileSync(environment.FONTCONFIG_FILE ?? '', 'utf8')).toContain(
    '<dir prefix="relative">fonts</dir>',
  );
  expect(readFileSync(join(home, 'fonts/OpenSans.ttf'), 'utf8')).toBe('fonts/OpenSans.ttf');
  expect(cached()).toEqual(['chromium-1.2.3']);
});

test('what is in the cache is not fetched again', async () => {
  const first = await packagedChromium(settings);
  expect(await packagedChromium(settings)).toEqual(first);
  expect(packed).toHaveLength(1);
});

test('two at once fetch it once', async () => {
  const [one, two] = await Promise.all([packagedChromium(settings), packagedChromium(settings)]);
  expect(one).toEqual(two);
  expect(packed).toHaveLength(1);
  expect(cached()).toEqual(['chromium-1.2.3']);
});

test('a file that is not the pinned one is refused, and nothing of it stays', async () => {
  const other = { ...pinned, integrity: 'sha512-another' };
  await expect(packagedChromium({ ...settings, pinned: other })).rejects.toThrow(
    /^a-browser@1\.2\.3: its file is sha512-.*, not sha512-another\./,
  );
  expect(cached()).toEqual([]);
});

test('a fetch that fails leaves nothing and can be done again', async () => {
  const pack = (): Promise<string> => Promise.reject(new Error('the registry is away'));
  await expect(packagedChromium({ ...settings, pack })).rejects.toThrow('the registry is away');
  expect(cached()).toEqual([]);
  await packagedChromium(settings);
  expect(cached()).toEqual(['chromium-1.2.3']);
});

test('what a killed run left is removed, and is never taken for the browser', async () => {
  mkdirSync(join(root, 'cache/chromium-1.2.3.0a1b2c3d.tmp/built'), { recursive: true });
  const { executable } = await packagedChromium(settings);
  expect(readFileSync(executable, 'utf8')).toBe('a browser');
  expect(cached()).toEqual(['chromium-1.2.3']);
});
