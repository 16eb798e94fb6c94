import { describe, expect, test } from 'vitest';
import { parseBusyGpus, parseGpus } from '../../tools/lease/nvidia-smi.js';
import { deviceClass, restrict } from '../../tools/lease/pool.js';

// As nvidia-smi 580.159 prints it for H100s.
const CSV = `0, GPU-11111111-2222-3333-4444-555555555555, 81559, 81079, 9.0
1, GPU-aaaaaaaa-2222-3333-4444-555555555555, 81559, 1000, 9.0
`;

describe('nvidia-smi', () => {
  test('reads GPUs in GiB', () => {
    const [first] = parseGpus(CSV);
    expect(first).toMatchObject({
      index: 0,
      uuid: 'GPU-11111111-2222-3333-4444-555555555555',
      architecture: 'sm90',
    });
    expect(first?.totalGiB).toBeCloseTo(79.647, 3);
    expect(deviceClass(parseGpus(CSV))).toBe('cuda-sm90');
    expect(deviceClass([])).toBe('cpu');
  });

  test('a GPU without figures is an error that shows the line', () => {
    expect(() => parseGpus('0, GPU-1, [N/A], [N/A], 9.0')).toThrow('"0, GPU-1, [N/A], [N/A], 9.0"');
    expect(() => parseGpus('No devices were found')).toThrow('No devices were found');
    expect(parseGpus('\n')).toEqual([]);
  });

  test('busy GPUs by UUID', () => {
    expect(parseBusyGpus('GPU-1, 4242\nGPU-1, 4243\n')).toEqual(new Set(['GPU-1']));
    expect(parseBusyGpus('')).toEqual(new Set());
  });
});

describe('the pool', () => {
  const gpus = parseGpus(CSV);
  const indices = (environment: NodeJS.ProcessEnv): number[] =>
    restrict(gpus, environment).map(({ index }) => index);

  test('follows CUDA_VISIBLE_DEVICES and NUM_GPUS', () => {
    expect(indices({})).toEqual([0, 1]);
    expect(indices({ CUDA_VISIBLE_DEVICES: '1,0' })).toEqual([1, 0]);
    expect(indices({ CUDA_VISIBLE_DEVICES: 'GPU-aaaaaaaa' })).toEqual([1]);
    expect(indices({ CUDA_VISIBLE_DEVICES: '' })).toEqual([]);
    expect(indices({ CUDA_VISIBLE_DEVICES: '0,-1,1' })).toEqual([0]);
    expect(indices({ NUM_GPUS: '1' })).toEqual([0]);
  });

  test('names what does not exist', () => {
    expect(() => indices({ CUDA_VISIBLE_DEVICES: '7' })).toThrow('no GPU "7"');
    expect(() => indices({ NUM_GPUS: 'two' })).toThrow('NUM_GPUS: "two"');
  });
});
