import { describe, expect, test } from 'vitest';
import { judgeGpus, type LostGpu } from '../../../tools/host/gpu-answer.js';
import { deviceClass } from '../../../tools/execution/lease/gpus/pool.js';
import { restrict, type PoolSettings } from '../../../tools/execution/lease/gpus/restrict.js';

// As nvidia-smi 580.159 prints it for H100s.
const CSV = `0, GPU-11111111-2222-3333-4444-555555555555, 81559, 81079, 9.0, [N/A]
1, GPU-aaaaaaaa-2222-3333-4444-555555555555, 81559, 1000, 9.0, [N/A]
`;

describe('the pool', () => {
  const judged = judgeGpus({ stdout: CSV, stderr: '', exitCode: 0 });
  const gpus = judged.ok ? judged.value.gpus : [];
  const NO_LIMITS: PoolSettings = { visibleDevices: null, gpuIdList: null, numGpus: null };
  const indices = (settings: Partial<PoolSettings>): number[] =>
    restrict(gpus, { ...NO_LIMITS, ...settings }).map(({ index }) => index);

  test('is read in GiB, and has a class of device', () => {
    expect(gpus[0]?.totalGiB).toBeCloseTo(79.647, 3);
    expect(deviceClass(gpus)).toBe('cuda-sm90');
    expect(deviceClass([])).toBe('cpu');
  });

  test('words for no GPU end the list, as an empty entry does; a shared beginning is no name', () => {
    for (const none of ['NoDevFiles', 'none', 'void', '']) {
      expect(indices({ visibleDevices: [none] })).toEqual([]);
      expect(indices({ visibleDevices: ['1', none, '0'] })).toEqual([1]);
    }
    const twins = gpus.map((gpu) => ({ ...gpu, uuid: `GPU-aaaa${gpu.index}` }));
    expect(() => restrict(twins, { ...NO_LIMITS, visibleDevices: ['GPU-aaaa'] })).toThrow(
      'stands for several GPUs',
    );
    expect(() => indices({ visibleDevices: ['MIG-1'] })).toThrow('slice of a GPU (MIG)');
  });

  test('a named GPU that is lost is left out; with one lost that has no name, any that is missing', () => {
    const lost = (about: Partial<LostGpu>): LostGpu => ({
      index: undefined,
      uuid: undefined,
      why: 'unusable',
      message: 'it',
      ...about,
    });
    const settings = { ...NO_LIMITS, visibleDevices: ['0', '2'] };
    const chosen = (one: LostGpu): number[] => restrict(gpus, settings, [one]).map(({ index }) => index);
    expect(chosen(lost({ index: 2 }))).toEqual([0]);
    expect(chosen(lost({}))).toEqual([0]);
    expect(() => chosen(lost({ index: 3 }))).toThrow('no GPU "2"');
    expect(() => chosen(lost({ index: 2, why: 'mig' }))).toThrow('CUDA_VISIBLE_DEVICES: it');
  });

  test('follows CUDA_VISIBLE_DEVICES, GPU_ID_LIST and NUM_GPUS', () => {
    expect(indices({})).toEqual([0, 1]);
    expect(indices({ visibleDevices: ['1', '0'] })).toEqual([1, 0]);
    expect(indices({ visibleDevices: ['GPU-aaaaaaaa'] })).toEqual([1]);
    expect(indices({ visibleDevices: [] })).toEqual([]);
    expect(indices({ visibleDevices: ['0', '-1', '1'] })).toEqual([0]);
    expect(indices({ gpuIdList: ['1'] })).toEqual([1]);
    expect(indices({ numGpus: 1 })).toEqual([0]);
    expect(indices({ visibleDevices: ['1', '0'], numGpus: 1 })).toEqual([1]);
  });

  test('names what does not exist, and never leaves a restricted environment', () => {
    expect(() => indices({ visibleDevices: ['7'] })).toThrow(
      'CUDA_VISIBLE_DEVICES: no GPU "7"; nvidia-smi lists 0 (',
    );
    expect(() => indices({ visibleDevices: ['0'], gpuIdList: ['1'] })).toThrow(
      'GPU_ID_LIST: no GPU "1"; CUDA_VISIBLE_DEVICES leaves 0 (GPU-11111111',
    );
  });
});
