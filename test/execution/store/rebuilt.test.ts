import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeWhole } from '../../../tools/base/files.js';
import { dependentsOf, namesOutdated, weightsChange } from '../../../tools/execution/store/rebuilt.js';
import type { Manifest } from '../../../tools/execution/records/manifest.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { projectFiles } from '../../../tools/suite/nx/project-json.js';
import { parsed } from '../../suite/parse.js';

const RECIPE = 'a'.repeat(64);

function manifest(files: Record<string, string>, rest: Partial<Manifest> = {}): Manifest {
  return {
    schema: 1,
    recipe: RECIPE,
    device_class: 'cpu',
    files: Object.entries(files).map(([path, sha256]) => ({ path, bytes: 1, sha256 })),
    bytes: 1,
    ...rest,
  };
}

describe('a remade entry', () => {
  const before = manifest({ a: '1', b: '2' });

  test('that is the same is no change', () => {
    expect(weightsChange(before, manifest({ b: '2', a: '1' }))).toBeUndefined();
  });

  test.each<[what: string, after: Manifest, sentence: string]>([
    ['other bytes', manifest({ a: '1', b: '3' }), '1 of its files differ from before'],
    ['a file more, a file less', manifest({ a: '1', c: '2' }), '2 of its files differ from before'],
    [
      'another class of device',
      manifest({ a: '1', b: '3' }, { device_class: 'cuda-sm90' }),
      '1 of its files differ from before; made on cuda-sm90, before on cpu',
    ],
    [
      'another class of device and the same bytes',
      manifest({ a: '1', b: '2' }, { device_class: 'cuda-sm90' }),
      'the same bytes by another recipe; made on cuda-sm90, before on cpu',
    ],
    [
      'another recipe',
      manifest({ a: '1', b: '2' }, { recipe: 'b'.repeat(64) }),
      'the same bytes by another recipe',
    ],
  ])('%s', (_, after, sentence) => {
    expect(weightsChange(before, after)).toBe(sentence);
  });
});

const suite = parsed('models: [{id: o/m-7b}]\nruns: {calibration: 1, clean: 2, stress: 1}\n');
const cells = planSuite(suite);
const edit = 'output/x/m-7b/models/quant_8bit_clean.manifest.json';

test('of an edit depend its evaluations and certificates, and nothing of its siblings', () => {
  const found = dependentsOf(cells, [edit]).map(({ id }) => id);
  expect(found).toEqual([
    ...['mmlu', 'hellaswag', 'arc', 'winogrande'].map((name) => `x.m-7b.quant_8bit_clean:eval-${name}`),
    'x.m-7b.quant_8bit_clean:certify-1',
    'x.m-7b.quant_8bit_clean:certify-2',
  ]);
});

test('of a baseline depends everything but its own setup and the data of the hub', () => {
  const found = dependentsOf(cells, ['output/x/models/m-7b/baseline.manifest.json']);
  expect(cells.filter((cell) => !found.includes(cell)).map(({ id }) => id)).toEqual([
    'x.data.hub:data',
    'x.m-7b.baseline:setup',
  ]);
});

describe('before a manifest is replaced', () => {
  const root = mkdtempSync(join(tmpdir(), 'remade-'));
  const staging = join(root, 'staging');
  const part = cells.flatMap(({ parts }) => parts).find(({ name }) => name === 'quant_8bit_clean');
  if (part === undefined) throw new Error('no such part');
  const named = () => namesOutdated(root, 'x.m-7b.edits', part, staging);
  for (const { path, text } of projectFiles(suite)) writeWhole(join(root, path), text);
  writeWhole(join(staging, 'manifest.json'), JSON.stringify(manifest({ a: '1' })));

  test('nothing is named where nothing was made before, or nothing from it', () => {
    expect(named()).toBeUndefined();
    writeWhole(join(root, edit), JSON.stringify(manifest({ a: '0' })));
    expect(named()).toBeUndefined();
  });

  test('finished cells that read the old bytes are named', () => {
    for (const { id, parts } of cells) {
      if (!/quant_8bit_clean:(eval-mmlu|certify-2)|quant_4bit/.test(id)) continue;
      for (const { receipt } of parts) writeWhole(join(root, receipt), '{}');
    }
    expect(named()).toBe(
      'quant_8bit_clean: 1 of its files differ from before. Made from the old ones, and to run again: ' +
        'x.m-7b.quant_8bit_clean:eval-mmlu, x.m-7b.quant_8bit_clean:certify-2',
    );
    writeWhole(join(root, edit), JSON.stringify(manifest({ a: '1' })));
    expect(named()).toBeUndefined();
  });

  test('a manifest or project that cannot be read fails nothing', () => {
    writeWhole(join(root, edit), '{');
    expect(named()).toBeUndefined();
    writeWhole(join(root, edit), JSON.stringify(manifest({ a: '0' })));
    writeWhole(join(root, 'suites/x/project.json'), '{');
    expect(named()).toBeUndefined();
  });
});
