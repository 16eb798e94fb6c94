import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { poolArchitectures } from '../../tools/execution/lease/gpus/architectures.js';
import { ensureFlashAttention } from '../../tools/python-env/flash-attn.js';
import { installedFlash, readFlashRecord } from '../../tools/python-env/flash-record.js';
import { FlashWorkspace, PINNED } from './flash-workspace.js';

const LARGE = `
models: [{ id: mistralai/Mistral-7B-v0.1 }]
`;

let root: string;
let workspace: FlashWorkspace;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-flash-'));
  workspace = new FlashWorkspace(root);
  workspace.suite('large', LARGE);
  vi.stubEnv('PATH', workspace.path);
  vi.stubEnv('VALIDATION_LOCK_DIR', join(root, 'locks'));
  vi.stubEnv('CUDA_HOME', join(root, 'cuda'));
  for (const name of ['CUDA_VISIBLE_DEVICES', 'SKIP_FLASH_ATTN', 'CXX']) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

async function ensure(force = false): Promise<{ said: string[]; commands: string[] }> {
  const said: string[] = [];
  await ensureFlashAttention({
    workspaceRoot: root,
    force,
    poolArchitectures: () => poolArchitectures(root),
    log: (line) => said.push(line),
  });
  return { said, commands: workspace.takeCommands() };
}

test('a wheel that fits is installed beside the locked packages, once', async () => {
  workspace.fate({ wheel: true, works: true });
  const { said, commands } = await ensure();
  expect(said.at(-1)).toBe(`flash attention ${PINNED} is ready`);
  expect(commands).toHaveLength(2);
  expect(commands[0]).toMatch(/^needs: pip install .*--no-deps.* wheel==\S+ ninja==\S+ einops==\S+$/);
  expect(commands[1]).toMatch(/^wheel: pip install .*--no-build-isolation.* flash-attn==2\.8\.3\.post2$/);
  expect(installedFlash(root)).toBe(PINNED);
  expect(readFlashRecord(root)).toMatchObject({ version: PINNED, why: '' });
  expect(await ensure()).toEqual({ said: [], commands: [] });
});

test('no wheel and no compiler: one line, no new try until there is nvcc', async () => {
  const { said, commands } = await ensure();
  expect(said.at(-1)).toBe(
    `no flash attention: no wheel of flash-attn==${PINNED} fits this Python, torch and CUDA, and there is no nvcc to ` +
      `compile one. Models load with transformers' own attention.`,
  );
  expect(commands.at(-1)).toBe('uninstall');
  expect(existsSync(workspace.distribution)).toBe(false);
  expect(readFileSync(join(root, '.venv/flash-attn.log'), 'utf8')).toContain('$ uv pip install');
  expect(await ensure()).toEqual({ said: [], commands: [] });

  // By force, and with a compiler: for the architecture that is here.
  expect((await ensure(true)).commands).not.toEqual([]);
  workspace.installNvcc();
  workspace.fate({ compile: true, works: true });
  const compiled = await ensure();
  expect(compiled.commands.at(-1)).toContain('compile for 90: pip install');
  expect(compiled.said.at(-1)).toBe(`flash attention ${PINNED} is ready`);
  expect(await ensure()).toEqual({ said: [], commands: [] });
});

test('a build that fails, and one that does not work, leave nothing behind', async () => {
  workspace.installNvcc();
  expect((await ensure()).said.at(-1)).toContain('and compiling it failed (.venv/flash-attn.log)');
  workspace.fate({ compile: true });
  const broken = await ensure(true);
  expect(broken.said.at(-1)).toContain(
    'was compiled, but does not work here (ModuleNotFoundError: No module',
  );
  expect(installedFlash(root)).toBeUndefined();
});

test.each(['tools/python/requirements.lock', 'tools/python/flash-attn.txt', '.venv/pyvenv.cfg'])(
  'another %s is another try',
  async (path) => {
    await ensure();
    workspace.write(path, `${readFileSync(join(root, path), 'utf8')}# other\n`);
    expect((await ensure()).commands).not.toEqual([]);
    expect((await ensure()).commands).toEqual([]);
  },
);

test('what uv sync took away comes again; one installed by hand stays if it works', async () => {
  workspace.fate({ wheel: true, works: true });
  await ensure();
  rmSync(workspace.distribution, { recursive: true });
  expect((await ensure()).commands).toHaveLength(2);

  rmSync(join(root, '.venv/flash-attn.json'));
  expect((await ensure()).commands).toEqual([]);
  expect(readFlashRecord(root)).toMatchObject({ version: PINNED });
  // A broken one goes: cells would load models with it.
  rmSync(join(root, '.venv/flash-attn.json'));
  workspace.fate({});
  expect((await ensure()).commands[0]).toBe('uninstall');
  expect(installedFlash(root)).toBeUndefined();
});

test.each<[string, () => void, string]>([
  ['the variable', () => vi.stubEnv('SKIP_FLASH_ATTN', 'true'), 'SKIP_FLASH_ATTN is set'],
  [
    'a suite made with it',
    () => {
      workspace.suite('other', LARGE, { SKIP_FLASH_ATTN: '1' });
    },
    'suite other was made with SKIP_FLASH_ATTN',
  ],
  [
    'only eager suites',
    () => {
      workspace.suite('large', `${LARGE}attention: eager\n`);
    },
    'every suite asks for eager',
  ],
  [
    'only tiny models',
    () => {
      workspace.suite('large', 'models: [{ facts: { architecture: llama }, name: m }]\n');
    },
    'the models are tiny: it gains them nothing',
  ],
])('%s: not installed, and why is recorded', async (_, arrange, why) => {
  arrange();
  const { said, commands } = await ensure();
  expect(commands).toEqual([]);
  expect(said).toEqual([`no flash attention: ${why}. Models load with transformers' own attention.`]);
  expect(readFlashRecord(root)).toMatchObject({ version: null, why });
  expect(await ensure()).toEqual({ said: [], commands: [] });
});

test('without a GPU, or without an environment of its own, nothing happens', async () => {
  vi.stubEnv('CUDA_VISIBLE_DEVICES', '');
  expect(await ensure()).toEqual({ said: [], commands: [] });
  vi.stubEnv('CUDA_VISIBLE_DEVICES', undefined);
  rmSync(join(root, 'bin/nvidia-smi'));
  expect(await ensure()).toEqual({ said: [], commands: [] });
  expect(readFlashRecord(root)).toBeUndefined();
});

test('a broken host is a reason, never a failure', async () => {
  writeFileSync(join(root, '.venv/bin/python'), '#!/bin/sh\necho broken >&2; exit 1\n');
  expect((await ensure()).said.at(-1)).toContain('no flash attention: torch cannot be asked');
  writeFileSync(join(root, 'bin/nvidia-smi'), '#!/bin/sh\necho "driver mismatch"; exit 9\n');
  rmSync(join(root, 'locks'), { recursive: true });
  mkdirSync(join(root, 'locks'), { mode: 0o700 });
  expect((await ensure()).said.at(-1)).toContain('flash attention was not looked for: nvidia-smi');
});
