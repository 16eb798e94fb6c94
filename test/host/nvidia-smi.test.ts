import { describe, expect, test } from 'vitest';
import { parseGpus, parseProcesses } from '../../tools/host/nvidia-smi.js';
import { deviceClass, restrict, type PoolSettings } from '../../tools/execution/lease/gpus/pool.js';

// As nvidia-smi 580.159 prints it for H100s.
const CSV = `0, GPU-11111111-2222-3333-4444-555555555555, 81559, 81079, 9.0
1, GPU-aaaaaaaa-2222-3333-4444-555555555555, 81559, 1000, 9.0
`;

describe('nvidia-smi', () => {
  test('reads GPUs in GiB', () => {
    const { gpus } = parseGpus(CSV);
    const [first] = gpus;
    expect(first).toMatchObject({
      index: 0,
      uuid: 'GPU-11111111-2222-3333-4444-555555555555',
      architecture: 'sm90',
    });
    expect(first?.totalGiB).toBeCloseTo(79.647, 3);
    expect(deviceClass(gpus)).toBe('cuda-sm90');
    expect(deviceClass([])).toBe('cpu');
  });

  test('a GPU without figures is told by its line, the others stand', () => {
    const lost = '2, GPU-1, [N/A], [N/A], 9.0';
    expect(parseGpus(`${CSV}${lost}\n`)).toMatchObject({
      gpus: [{ index: 0 }, { index: 1 }],
      broken: [lost],
    });
    expect(parseGpus('No devices were found').broken).toEqual(['No devices were found']);
    expect(parseGpus('\n')).toEqual({ gpus: [], broken: [] });
  });

  test('processes, with their memory where the driver tells', () => {
    expect(parseProcesses('GPU-1, 4242, 2048\nGPU-1, 4243, [N/A]\n')).toEqual([
      { uuid: 'GPU-1', pid: 4242, usedGiB: 2 },
      { uuid: 'GPU-1', pid: 4243, usedGiB: undefined },
    ]);
    expect(parseProcesses('')).toEqual([]);
  });
});

describe('the pool', () => {
  const { gpus } = parseGpus(CSV);
  const NO_LIMITS: PoolSettings = { visibleDevices: null, gpuIdList: null, numGpus: null };
  const indices = (settings: Partial<PoolSettings>): number[] =>
    restrict(gpus, { ...NO_LIMITS, ...settings }).map(({ index }) => index);

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
