// The doctor over a generated suite, with a scripted nvidia-smi and a scripted Python: what is wrong with a host is an
// error with its fix, and one thing that is wrong hides no other.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { examine } from '../../../tools/monitoring/doctor/examine.js';
import { gpus } from '../../../tools/monitoring/doctor/host.js';
import { loadSiteSettings } from '../../../tools/suite/settings/settings.js';
import type { Finding } from '../../../tools/monitoring/doctor/finding.js';
import { Rig, HUB_SUITE } from '../../support/rig/workspace.js';

const QUERY = '0, GPU-aaaaaaaa-0000-0000-0000-000000000000, 81559, 81079, 9.0, [N/A]';
const HEADING = '| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |';

let rig: Rig;
beforeAll(async () => {
  rig = new Rig(HUB_SUITE);
  await rig.generate();
}, 60_000);
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function program(path: string, body: string): void {
  rig.write(path, `#!/bin/sh\n${body}\n`);
  chmodSync(join(rig.root, path), 0o755);
}

/** Python that keeps its questions and answers with these lines. */
function python(lines: string[], ending = 'exit 0'): void {
  program(
    '.venv/bin/python',
    `cat > "$NX_WORKSPACE_ROOT/questions.json"\ncat <<'END'\n${lines.join('\n')}\nEND\n${ending}`,
  );
}

function nvidiaSmi(body: string): void {
  program('bin/nvidia-smi', body);
  vi.stubEnv('PATH', `${join(rig.root, 'bin')}:${process.env.PATH ?? ''}`);
  vi.stubEnv('CUDA_VISIBLE_DEVICES', undefined);
}

async function findings(environment: Record<string, string> = {}): Promise<Finding[]> {
  vi.stubEnv('VALIDATION_LOCK_DIR', rig.lockDirectory);
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const told: Finding[] = [];
  const all = await examine(rig.root, 'rig', true, (finding) => told.push(finding));
  expect(all).toEqual(told);
  for (const { level, fix, message } of all) {
    expect(level === 'ok' || (fix ?? '').length > 0, message).toBe(true);
    expect(message).not.toMatch(/\n\s+at /);
  }
  return all;
}
const of = (all: Finding[], what: string): Finding | undefined => all.find((one) => one.what === what);
const errors = (all: Finding[]): string[] =>
  all.filter(({ level }) => level === 'error').map(({ what, message }) => `${what}: ${message}`);

test('a host in order: GPUs and the driver are told, and Python is told the driver', async () => {
  nvidiaSmi(
    `case "$1" in *compute-apps*) ;; *persistence_mode*) echo Disabled ;; *query-gpu*) echo '${QUERY}' ;; *) echo '${HEADING}' ;; esac`,
  );
  python(['{"level": "warning", "what": "driver", "message": "old", "fix": "Install a newer one."}']);
  const all = await findings();
  expect(errors(all)).toEqual([]);
  expect(of(all, 'GPU 0')?.message).toBe('sm90, 79 of 80 GiB free');
  expect(of(all, 'nvidia-smi')).toMatchObject({
    level: 'warning',
    message: expect.stringContaining('with persistence mode off') as string,
    fix: expect.stringContaining('nvidia-smi -pm 1') as string,
  });
  expect(of(all, 'driver')).toMatchObject({ level: 'warning', fix: 'Install a newer one.' });
  // What rests on no more than a size class says so.
  expect(of(all, 'memory')).toMatchObject({
    level: 'ok',
    message: 'every cell fits; estimated by size class, as their sizes are not known yet: m',
  });
  expect(of(all, 'disk')?.message).toMatch(/; estimated by size class, .*: m$/);
  const questions = JSON.parse(rig.read('questions.json')) as Record<string, unknown>;
  expect(questions).toMatchObject({ offline: true, driver: { version: '550.54.15', cuda: '12.4' } });
  expect(questions.models).toHaveLength(1);
  // Examples before the questions are data too, and the windows' text is read of one split.
  const notYet = { revisions: {}, stored: null };
  expect(questions.tasks).toEqual([
    { task: 'mmlu', fewshot: 0, ...notYet },
    { task: 'arc_challenge', fewshot: 0, ...notYet },
  ]);
  expect(questions.datasets).toEqual([{ provider: 'wikitext2', split: 'validation', ...notYet }]);
  expect(questions.windows).toMatchObject([notYet]);
  expect(questions.models).toMatchObject([{ stored: false }]);
});

test("a Mac is told why cells run on the CPU of a computer that has Apple's GPU", async () => {
  vi.stubEnv('PATH', '/usr/bin:/bin');
  vi.stubEnv('VALIDATION_LOCK_DIR', join(rig.root, 'locks-of-a-mac'));
  const settings = loadSiteSettings(rig.root);
  const real = { platform: process.platform, arch: process.arch };
  try {
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    Object.defineProperty(process, 'arch', { value: 'arm64' });
    expect(await gpus(settings)).toMatchObject([
      {
        level: 'warning',
        message:
          "none is seen: cells run on the CPU; this host's Apple GPU is not used, as cells need CUDA (an NVIDIA GPU)",
      },
    ]);
  } finally {
    Object.defineProperty(process, 'platform', { value: real.platform });
    Object.defineProperty(process, 'arch', { value: real.arch });
  }
});

test('a model that this host cannot hold is an error where its sizes are known, and no more than a warning where not', async () => {
  nvidiaSmi(`case "$1" in *compute-apps*) ;; *query-gpu*) echo '${QUERY}' ;; *) echo '${HEADING}' ;; esac`);
  python([]);
  const small = { GPU_MEMORY_GB: '1', VALIDATION_LOCK_DIR: join(rig.root, 'locks-of-small-gpus') };
  expect(of(await findings(small), 'memory')).toMatchObject({
    level: 'warning',
    message: expect.stringMatching(
      /^model m may not fit here, estimated by size class: rig\.m\..* needs/,
    ) as string,
  });
  const sizes = { hidden_size: 8, num_layers: 1, num_heads: 1, num_kv_heads: 1, max_position_embeddings: 8 };
  const profile = 'output/rig/models/m/baseline.profile.json';
  rig.write(profile, JSON.stringify({ weights_bytes: 500 * 2 ** 30, dtype_bytes: 2, ...sizes }));
  const found = of(await findings(small), 'memory');
  rmSync(join(rig.root, profile));
  expect(found).toMatchObject({
    level: 'error',
    message: expect.stringMatching(/^model m does not fit here: rig\.m\..* needs/) as string,
  });
});

test('no GPUs: Python is told of no driver', async () => {
  python([]);
  const all = await findings({ CUDA_VISIBLE_DEVICES: '' });
  expect(JSON.parse(rig.read('questions.json'))).toMatchObject({ driver: null });
  expect(of(all, 'GPUs')?.level).toBe('warning');
});

test('a broken driver, a full disk, a Python that dies: each is an error with what to do', async () => {
  nvidiaSmi('echo "Failed to initialize NVML: Driver/library version mismatch"; exit 18');
  python(
    ['no json', '{"level": "ok", "what": "torch", "message": "2.15"}'],
    'echo "MemoryError" >&2; exit 1',
  );
  // A lock directory of its own: in the other one stands what nvidia-smi said a moment ago.
  const VALIDATION_LOCK_DIR = join(rig.root, 'locks');
  const all = await findings({ MIN_FREE_DISK_GB: '9999999', VALIDATION_LOCK_DIR });
  expect(errors(all)).toEqual([
    expect.stringMatching(/^disk: planned weights do not fit/),
    expect.stringMatching(
      /^GPUs: nvidia-smi failed: Failed to initialize NVML: Driver\/library version mismatch/,
    ),
    'Python: its checks ended badly: MemoryError',
  ]);
  expect(of(all, 'torch')?.level).toBe('ok');
});

test('what cannot be written, and projects that are not as suite.yaml says', async () => {
  python([]);
  rig.write('a-file', '');
  rig.edit('workspace-config/site.yaml', (text) => text.replace(/root: \.weights/, 'root: a-file/store'));
  const all = await findings({
    CUDA_VISIBLE_DEVICES: '',
    VALIDATION_LOCK_DIR: join(rig.root, 'a-file'),
    CLEAN_EDIT_RUNS: '7',
  });
  const found = errors(all).join('\n');
  expect(found).toMatch(/^lock directory: /m);
  expect(found).toMatch(/^weights store: /m);
  expect(found).toMatch(/^projects: .*CLEAN_EDIT_RUNS/m);
  rig.edit('workspace-config/site.yaml', (text) => text.replace('root: a-file/store', 'root: .weights'));
});

test('settings that cannot be read hide nothing else', async () => {
  python([]);
  const all = await findings({ GPU_MIN_FREE_GB: 'ten', CUDA_VISIBLE_DEVICES: '' });
  expect(errors(all)[0]).toContain('environment variable GPU_MIN_FREE_GB');
  expect(of(all, 'projects')?.level).toBe('ok');
  expect(of(all, 'packages')?.level).toBe('ok');
});

test('packages that are not as locked, and a Python that is not there', async () => {
  rig.write('.venv/validation-lock', 'of another time');
  expect(errors(await findings({ CUDA_VISIBLE_DEVICES: '' }))).toEqual([
    'packages: .venv is not as tools/python/requirements.lock says',
  ]);
  rmSync(join(rig.root, '.venv'), { recursive: true });
  mkdirSync(join(rig.root, '.venv'));
  expect(errors(await findings({ CUDA_VISIBLE_DEVICES: '' }))).toEqual(['Python: .venv is not there']);
});
