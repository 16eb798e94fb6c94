import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CellKind } from '../../../tools/suite/model/cell.js';
import { loadSiteSettings } from '../../../tools/suite/settings/settings.js';
import { SITE_ROWS, type SiteRow } from '../../../tools/suite/settings/site-table.js';
import { taskName, timeoutOf } from '../../../tools/suite/model/task-names.js';
import { REPOSITORY } from '../../support/repository.js';

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
  const committed = loadSiteSettings(REPOSITORY, {});
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
  ['gpus: { min_free: 1 }', 'site.yaml:1:9: gpus: unknown setting "min_free"; did you mean "min_free_gib"?'],
  ['cpu: [', 'workspace-config/site.yaml:1:'],
  ['- 1', 'workspace-config/site.yaml:1:1: [1] is not allowed. Allowed: a mapping of settings'],
])('%j is told with its place', (yaml, message) => {
  expect(() => settings(yaml)).toThrow(message);
});

test('variables with a bad value are named, all in one go', () => {
  const environment = {
    GPU_MIN_FREE_GB: '-1',
    GPU_REQUIRE_IDLE: 'maybe',
    TASK_TIMEOUT_CREATE_EDITS: '5',
    TASK_TIMEOUT_CERTIFY_EDIT: 'long',
  };
  const sentences = [
    'environment variable GPU_MIN_FREE_GB: "-1" is not allowed. Allowed: a number of 0 or more',
    'environment variable GPU_REQUIRE_IDLE: "maybe" is not allowed. Allowed: true, false',
    'environment variable TASK_TIMEOUT_CREATE_EDITS: no such task; did you mean TASK_TIMEOUT_CREATE_EDIT?',
    'environment variable TASK_TIMEOUT_CERTIFY_EDIT: "long" is not allowed. Allowed: a number of 0 or more',
  ];
  for (const sentence of sentences) expect(() => settings('', environment)).toThrow(sentence);
});

/** A value that is not the default, as a variable and as YAML would have it. */
function another(row: SiteRow<unknown>): [text: string, value: unknown] {
  const candidates: [string, unknown][] = [
    ['/elsewhere', '/elsewhere'],
    ['2030-01-31T18:00:00Z', '2030-01-31T18:00:00Z'],
    ...row.type.allowed.split(', ').map((word): [string, unknown] => [word, word]),
    ['false', false],
    ['true', true],
    ['0.5', 0.5],
    ['7', 7],
    ['1,GPU-ab', ['1', 'GPU-ab']],
    ['--exclude=node7', ['--exclude=node7']],
    ['https://hooks.example/x', 'https://hooks.example/x'],
    ['disk_short', ['disk_short']],
    ['[{"name":"big"}]', [{ name: 'big' }]],
  ];
  const found = candidates.find(
    ([, value]) => value !== row.default && row.type.schema.safeParse(value).success,
  );
  if (found === undefined) throw new Error('no other value');
  return found;
}

test.each(SITE_ROWS)('%s: read from the file and from its variable', (name, row) => {
  const [text, value] = another(row);
  if (row.variable !== null) expect(settings('', { [row.variable]: text })[name]).toEqual(value);
  if (row.key === null) return;
  const [section = '', key] = row.key.split('.');
  const written = JSON.stringify(key === undefined ? { [section]: value } : { [section]: { [key]: value } });
  expect(settings(written)[name]).toEqual(value);
  // The environment goes before the file.
  if (row.variable === null) return;
  expect(() => settings(written, { [row.variable ?? '']: '\u0001' })).toThrow(row.variable);
});

test('time-outs by the name of a task, by the kind of a cell, else the default', () => {
  const file = 'timeouts: { default_s: 60, tasks: { certify: 5, eval_mmlu: 6 } }';
  const limits = settings(file, { TASK_TIMEOUT_CERTIFY_ERROR: '7', TASK_TIMEOUT_EVAL_CITY: '' });
  const of = (kind: CellKind, variant: string, target: string): number =>
    timeoutOf(limits, { kind, variant, target });
  expect(of('certify', 'quant_8bit_clean', 'certify-1')).toBe(5);
  expect(of('certify', 'error_zero_layer', 'certify-1')).toBe(7);
  expect(of('eval', 'quant_8bit_clean', 'eval-mmlu')).toBe(6);
  expect(of('eval', 'quant_8bit_clean', 'eval-city')).toBe(0);
  expect(of('eval', 'baseline', 'eval')).toBe(60);
});

test.each([
  ['setup', 'baseline', 'setup', 'SETUP_BASELINE'],
  ['calibrate', 'baseline', 'calibrate-1', 'CALIBRATION_RUN'],
  ['preset', 'baseline', 'preset', 'GENERATE_PRESET'],
  ['eval', 'baseline', 'eval', 'EVAL_BASELINE'],
  ['edit', 'edits', 'edit', 'CREATE_EDITS_BATCH'],
  ['edit', 'quant_8bit_clean', 'edit', 'CREATE_EDIT'],
  ['eval', 'quant_8bit_clean', 'eval', 'EVAL_EDIT'],
  ['eval', 'quant_8bit_clean', 'eval-winogrande', 'EVAL_WINOGRANDE'],
  ['certify', 'quant_8bit_clean', 'certify-3', 'CERTIFY_EDIT'],
  ['inject', 'error_zero_layer', 'inject', 'CREATE_ERROR'],
  ['certify', 'error_zero_layer', 'certify-1', 'CERTIFY_ERROR'],
] as const)('%s of %s, %s: %s', (kind, variant, target, name) => {
  expect(taskName(kind, variant, target)).toBe(name);
});
