// The formats that TypeScript knows are rows of Python's table, run by the same packages and recognised alike.
import { execa } from 'execa';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  NUMBERS_ONLY_FORMATS,
  packageOf,
  WEIGHT_FORMATS,
} from '../../../tools/suite/model/weight-formats.js';
import { formatOfConfig } from '../../../tools/suite/starter/quantized.js';
import { REPOSITORY } from '../../support/repository.js';

async function table(program: string, input = ''): Promise<unknown> {
  const whole = `import json, sys; from validation.formats.table import FORMATS, recognise; print(json.dumps(${program}))`;
  const { stdout } = await execa(join(REPOSITORY, '.venv/bin/python'), ['-c', whole], {
    env: { PYTHONPATH: join(REPOSITORY, 'tools/python') },
    input,
  });
  return JSON.parse(stdout);
}

test('every format that is evaluated as it is has its package in both tables', async () => {
  const known = Object.fromEntries(WEIGHT_FORMATS.map((name) => [name, packageOf(name).split('==')[0]]));
  expect(await table('{row.name: row.package for row in FORMATS if row.package}')).toEqual(known);
  const read = await table('sorted(row.name for row in FORMATS if row.layout and not row.package)');
  expect(read).toEqual([...NUMBERS_ONLY_FORMATS]);
  // A new suite takes every one of both dequantized.
  const unread = await table('[row.name for row in FORMATS if row.package and not row.layout]');
  expect(unread).toEqual([]);
});

test('a config.json names the same format to both', async () => {
  const quantized = (settings: object): object => ({ quantization_config: settings });
  const configs = [
    {},
    quantized({}),
    ...['gptq', 'AWQ', 'fp8', 'mxfp4', 'torchao', 'compressed-tensors', 'compressed_tensors', 'hqq'].map(
      (quant_method) => quantized({ quant_method }),
    ),
    quantized({ quant_method: 'bitsandbytes', load_in_4bit: true, load_in_8bit: false }),
    quantized({ quant_method: 'bitsandbytes', load_in_8bit: true }),
    quantized({ load_in_4bit: true }),
    quantized({ config_groups: {} }),
    quantized({ bits: 4, group_size: 128 }),
    quantized({ bits: 4, group_size: 128, desc_act: true }),
    quantized({ bits: 4, group_size: 64, mode: 'affine' }),
    quantized({ other: 1 }),
    { compression_config: { format: 'pack-quantized' } },
    { quantization: { bits: 4 } },
    { text_config: quantized({ quant_method: 'awq' }) },
    { vision_config: { quant_method: 'gptq', quantization_config: { quant_method: 'gptq' } } },
  ];
  const python = '[found and found.format.name for found in map(recognise, json.load(sys.stdin))]';
  const theirs = await table(python, JSON.stringify(configs));
  expect(configs.map((config) => formatOfConfig(config as Record<string, unknown>) ?? null)).toEqual(theirs);
  expect(formatOfConfig(undefined)).toBeUndefined();
});
