import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSiteSettings } from '../../tools/suite/settings.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-settings-'));
  mkdirSync(join(root, 'workspace-config'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function settings(yaml: string, environment: NodeJS.ProcessEnv = {}): ReturnType<typeof loadSiteSettings> {
  writeFileSync(join(root, 'workspace-config/site.yaml'), yaml);
  return loadSiteSettings(root, environment);
}

test('the committed file states the defaults', () => {
  const committed = loadSiteSettings(join(import.meta.dirname, '..', '..'), {});
  const { storageRoot, ...rest } = committed;
  const { storageRoot: defaultRoot, ...defaults } = settings('');
  expect(rest).toEqual(defaults);
  expect(storageRoot.endsWith('/.weights') && defaultRoot === join(root, '.weights')).toBe(true);
  expect(defaults).toMatchObject({
    accelerator: 'auto',
    minFreeGiB: 10,
    requireIdle: true,
    timeoutSeconds: 21_600,
  });
});

test('slots are cores by threads, at least one', () => {
  expect(settings('cpu: { threads: 1 }').cpuSlots).toBe(availableParallelism());
  expect(settings('cpu: { threads: 4096 }').cpuSlots).toBe(1);
  expect(settings('cpu: { slots: 7, threads: 3 }')).toMatchObject({ cpuSlots: 7, threads: 3 });
});

test('the environment goes before the file; an empty variable is none', () => {
  const file = 'gpus: { min_free_gib: 20, require_idle: true }\ntimeouts: { default_s: 60 }';
  const environment = {
    GPU_MIN_FREE_GB: '5',
    GPU_REQUIRE_IDLE: 'false',
    TASK_TIMEOUT_DEFAULT: '0',
    VALIDATION_LOCK_DIR: '/elsewhere',
  };
  expect(settings(file, environment)).toMatchObject({
    minFreeGiB: 5,
    requireIdle: false,
    timeoutSeconds: 0,
    lockDirectory: '/elsewhere',
  });
  expect(settings(file, { GPU_MIN_FREE_GB: '' }).minFreeGiB).toBe(20);
});

test.each([
  ['accelerator: tpu', 'workspace-config/site.yaml:1:14: accelerator:'],
  ['\ncpu:\n  slots: 0\n', 'workspace-config/site.yaml:3:10: cpu.slots:'],
  ['gpus: { min_free: 1 }', 'workspace-config/site.yaml:1:7: gpus: Unrecognized key: "min_free"'],
  ['cpu: [', 'workspace-config/site.yaml:1:'],
  ['- 1', 'workspace-config/site.yaml:1:1: the file:'],
])('%j is told with its place', (yaml, message) => {
  expect(() => settings(yaml)).toThrow(message);
});

test('variables with a bad value are named', () => {
  expect(() => settings('', { GPU_MIN_FREE_GB: '-1' })).toThrow(
    'GPU_MIN_FREE_GB: "-1" is not a number of 0 or more',
  );
  expect(() => settings('', { GPU_REQUIRE_IDLE: 'maybe' })).toThrow(
    'GPU_REQUIRE_IDLE: "maybe" is not true or false',
  );
});
