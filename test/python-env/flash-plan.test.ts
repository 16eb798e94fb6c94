import { expect, test } from 'vitest';
import { buildTargets, planFlash, type FlashHost } from '../../tools/python-env/flash-plan.js';

const host: FlashHost = {
  unwanted: undefined,
  architectures: ['sm90'],
  cuda: '13.2',
  nvcc: '13.0',
  compiler: true,
  headers: true,
};

test('a wheel, or compiled where everything is there', () => {
  expect(planFlash(host)).toEqual({ how: 'install', noCompiling: undefined });
});

test.each<[Partial<FlashHost>, string]>([
  [{ unwanted: 'SKIP_FLASH_ATTN is set' }, 'SKIP_FLASH_ATTN is set'],
  [{ architectures: [] }, 'no NVIDIA GPU'],
  [{ cuda: null }, 'torch is built for CPUs'],
  [{ architectures: ['sm90', 'sm75'] }, 'a GPU is sm75, and it needs sm80 or newer'],
])('%o: none', (change, why) => {
  expect(planFlash({ ...host, ...change })).toEqual({ how: 'none', why });
});

test.each<[Partial<FlashHost>, string]>([
  [{ nvcc: undefined }, 'there is no nvcc to compile one'],
  [{ nvcc: '12.8' }, "nvcc 12.8 compiles nothing for torch's CUDA 13.2"],
  [{ compiler: false }, 'there is no C++ compiler to compile one'],
  [{ headers: false }, 'there is no Python.h to compile one (apt-get install python3-dev)'],
])('%o: only a wheel', (change, noCompiling) => {
  expect(planFlash({ ...host, ...change })).toEqual({ how: 'install', noCompiling });
});

test('compiled for the GPUs of the host and no others', () => {
  expect(buildTargets(['sm90'])).toBe('90');
  expect(buildTargets(['sm100', 'sm86', 'sm89', 'sm103'])).toBe('80;100');
});
