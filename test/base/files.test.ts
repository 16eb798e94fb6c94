import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  digestDirectory,
  digestFile,
  digestListing,
  makeDirectory,
  readIfThere,
  writeWhole,
} from '../../tools/base/files.js';
import { digestSettled, readSettled } from '../../tools/base/settled.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-files-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('a directory is its files by name and content; by-products do not count', async () => {
  mkdirSync(join(root, 'sub/__pycache__'), { recursive: true });
  writeFileSync(join(root, 'a.yaml'), 'a');
  writeFileSync(join(root, 'sub/b.py'), 'b');
  const digest = await digestDirectory(root);
  writeFileSync(join(root, 'sub/__pycache__/b.cpython-312.pyc'), 'compiled');
  writeFileSync(join(root, '.a.yaml.swp'), 'open in an editor');
  expect(await digestDirectory(root)).toBe(digest);
  writeFileSync(join(root, 'sub/b.py'), 'c');
  const changed = await digestDirectory(root);
  expect(changed).not.toBe(digest);
  rmSync(join(root, 'a.yaml'));
  expect(await digestDirectory(root)).not.toBe(changed);
});

test('a file that another run is restoring is read once it is whole', async () => {
  const path = join(root, 'preset.json');
  setTimeout(() => {
    writeFileSync(path, '');
  }, 50);
  setTimeout(() => {
    writeFileSync(path, '{"a": ');
  }, 150);
  setTimeout(() => {
    writeFileSync(path, '{"a": 1}');
  }, 220);
  const [value, digest] = await Promise.all([
    readSettled(path, (text) => JSON.parse(text) as unknown),
    new Promise((resolve) => setTimeout(resolve, 140)).then(() => digestSettled(path)),
  ]);
  expect(value).toEqual({ a: 1 });
  expect(digest).toBe(await digestFile(path));
  await expect(readSettled(join(root, 'none'), JSON.parse)).rejects.toThrow('ENOENT');
});

test.each([0, 1, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20])(
  'the digest of a file of %d bytes is that of its bytes',
  async (bytes) => {
    const content = Buffer.alloc(bytes, 'validation');
    writeFileSync(join(root, 'sized'), content);
    expect(await digestFile(join(root, 'sized'))).toBe(createHash('sha256').update(content).digest('hex'));
  },
);

test('whole writes make their directories and leave nothing beside the file', () => {
  writeWhole(join(root, 'x/y/z.json'), '1');
  expect(readIfThere(join(root, 'x/y/z.json'))).toBe('1');
  expect(readIfThere(join(root, 'x/none'))).toBeUndefined();
  expect(readIfThere(join(root, 'x/y/z.json/none'))).toBeUndefined();
});

test('a directory that cannot be made ends in an error, also where Node turns in circles', () => {
  expect(() => {
    makeDirectory('/proc/nowhere/below');
  }).toThrow(/ENOENT.*\/proc\/nowhere'/);
  writeFileSync(join(root, 'file'), '');
  for (const path of ['file', 'file/below']) {
    expect(() => {
      makeDirectory(join(root, path));
    }).toThrow(/EEXIST|ENOTDIR/);
  }
});

test('what a killed writer left beside a file goes with the next writing of it, and nothing else does', () => {
  const left = ['state.json.0123456789ab.tmp', 'state.json.ba9876543210.tmp'];
  const others = [
    'state.json.tmp',
    'other.json.0123456789ab.tmp',
    'state.json.0123456789ab.tmp.tmp',
    'state.json.x.tmp',
  ];
  for (const name of [...left, ...others]) {
    writeFileSync(join(root, name), 'half');
    utimesSync(join(root, name), new Date(0), new Date(0));
  }
  // Of one that may be at work.
  others.push('state.json.aaaaaaaaaaaa.tmp');
  writeFileSync(join(root, 'state.json.aaaaaaaaaaaa.tmp'), 'half');
  writeWhole(join(root, 'state.json'), '1');
  expect(readdirSync(root).sort()).toEqual(['state.json', ...others].sort());
});

test('writers of one file at once take nothing from each other but temporary files', async () => {
  const path = join(root, 'state.json');
  const program = `
    import { writeWhole } from ${JSON.stringify(join(import.meta.dirname, '../../tools/dist/base/files.js'))};
    for (let n = 0; n < 200; n += 1) writeWhole(${JSON.stringify(path)}, JSON.stringify(process.argv[1].repeat(5000)));
  `;
  const writers = await Promise.all(
    ['a', 'b', 'c', 'd'].map((letter) =>
      execa(process.execPath, ['--input-type=module', '--eval', program, letter], { reject: false }),
    ),
  );
  expect(writers.map(({ stderr }) => stderr)).toEqual(['', '', '', '']);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatch(/^(a+|b+|c+|d+)$/);
  expect(readdirSync(root)).toEqual(['state.json']);
});

test('a listing changes with names, sizes and times, and follows links', () => {
  const model = join(root, 'model');
  mkdirSync(model);
  writeFileSync(join(root, 'blob'), 'weights');
  symlinkSync(join(root, 'blob'), join(model, 'model.safetensors'));
  const before = digestListing(model);
  expect(digestListing(model)).toBe(before);
  utimesSync(join(root, 'blob'), new Date(0), new Date(0));
  const touched = digestListing(model);
  expect(touched).not.toBe(before);
  writeFileSync(join(model, 'config.json'), '{}');
  expect(digestListing(model)).not.toBe(touched);
  expect(() => digestListing(join(root, 'none'))).toThrow('ENOENT');
});

test('what lies beside a model is not in its listing', () => {
  const model = join(root, 'cloned');
  mkdirSync(model);
  for (const name of ['config.json', 'model.safetensors', 'tokenizer.model'])
    writeFileSync(join(model, name), name);
  const before = digestListing(model);
  for (const directory of ['.git/lfs', '.cache/huggingface', 'onnx', '__pycache__'])
    mkdirSync(join(model, directory), { recursive: true });
  const beside = ['.git/index.json', '.cache/huggingface/x.json', 'onnx/config.json', '__pycache__/m.py'];
  for (const name of [...beside, 'README.md', 'README.txt', 'LICENSE.txt', '.gitattributes', 'q4.gguf'])
    writeFileSync(join(model, name), 'x');
  expect(digestListing(model)).toBe(before);
  writeFileSync(join(model, 'chat_template.jinja'), 'x');
  expect(digestListing(model)).not.toBe(before);
});
