// The memory plan by profile and by name, worked by hand from the original script's formulas.
import { describe, expect, test } from 'vitest';
import type { Cell } from '../../../tools/suite/model/cell.js';
import {
  evalBatchCap,
  kvGiB,
  memoryNeed,
  memoryRows,
  parseProfile,
  perDeviceGiB,
  place,
  plannedMemory,
  type MemoryCell,
  type MemoryNeed,
  type ModelProfile,
} from '../../../tools/suite/memory/memory-plan.js';
import { storedGiB } from '../../../tools/suite/memory/memory.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { unfitReason } from '../../../tools/suite/memory/unfit.js';
import { loadSiteSettings } from '../../../tools/suite/settings/settings.js';
import { referenceSuite } from '../parse.js';

const settings = loadSiteSettings('/nowhere', {});
const cells = planSuite(referenceSuite());
const MISTRAL: ModelProfile = {
  weightsGiB: 13.5,
  activeGiB: 13.5,
  layers: 32,
  kvHeads: 8,
  headDim: 128,
  maxPositions: 32768,
  dtypeBytes: 2,
};

function cell(id: string): Cell {
  const found = cells.find((one) => one.id === `b200.${id}`);
  if (found === undefined) throw new Error(id);
  return found;
}

describe('by profile', () => {
  test('a profile is read, or is none', () => {
    const text = JSON.stringify({
      weights_bytes: 2 ** 31,
      hidden_size: 64,
      num_layers: 2,
      num_heads: 4,
      num_kv_heads: 2,
      max_position_embeddings: 128,
      dtype_bytes: 2,
      vocab_size: 512,
    });
    expect(parseProfile(text)).toEqual({
      ok: true,
      value: {
        weightsGiB: 2,
        activeGiB: 2,
        layers: 2,
        kvHeads: 2,
        headDim: 16,
        maxPositions: 128,
        vocabulary: 512,
        dtypeBytes: 2,
      },
    });
    expect(parseProfile('')).toEqual({ ok: false, error: 'is no JSON' });
    expect(parseProfile('{}')).toEqual({ ok: false, error: 'has no weights_bytes' });
    expect(parseProfile(text.replace('"num_layers":2', '"num_layers":0'))).toEqual({
      ok: false,
      error: 'num_layers is 0, which is no such size',
    });
  });

  test('keys and values of 16 sequences of 2048 tokens of Mistral-7B are 4 GiB', () => {
    expect(kvGiB(MISTRAL, 16, 2048)).toBe(4);
  });

  test.each([
    // weights + kv(96, 2048) + 6, and weights + kv(16, min(2048, 32768)) + 6
    ['mistral-7b-v01.quant_8bit_clean:certify-1', 13.5 + 24 + 6],
    ['mistral-7b-v01.baseline:calibrate-1', 13.5 + 24 + 6],
    ['mistral-7b-v01.quant_8bit_clean:eval-mmlu', 13.5 + 4 + 6],
  ])('%s needs %d GiB', (id, gib) => {
    expect(memoryNeed(cell(id), MISTRAL, settings)).toMatchObject({ device: 'gpu', gib, from: 'profile' });
  });

  test('before there is a profile, the size of the model’s files goes before its name', () => {
    const certificate = cell('mistral-7b-v01.quant_8bit_clean:certify-1');
    const by = (sourceGiB?: number): object => memoryNeed({ ...certificate, sourceGiB }, undefined, settings);
    expect(by()).toMatchObject({ gib: 14 * 1.1 * 1.1, from: 'name' });
    expect(by(13.5)).toMatchObject({ gib: 13.5 * 1.1 * 1.1, from: 'source' });
    // A stand-in with a large model's name needs what a process takes, and no more.
    expect(by(0.01)).toMatchObject({ gib: 1.75 * 1.1 * 1.1, ramGiB: 2.01, from: 'source' });
    expect(memoryNeed({ ...certificate, sourceGiB: 1 }, MISTRAL, settings).from).toBe('profile');
    expect(storedGiB({ ...certificate, sourceGiB: 0.01 })).toBe(0.01);
    expect(storedGiB(certificate)).toBe(14);
  });

  test.each([
    ['mistral-7b-v01.baseline:setup', 13.5 + 4],
    ['mistral-7b-v01.error_zero_layer:inject', 13.5 + 8],
    ['mistral-7b-v01.baseline:preset', 1],
  ])('%s takes the original script’s %d GiB of the host only where it is asked to', (id, gib) => {
    const reference = memoryNeed(cell(id), MISTRAL, { ...settings, memoryPlan: 'reference' });
    expect(reference).toMatchObject({ device: 'host', gib });
    const streaming = memoryNeed(cell(id), MISTRAL, settings);
    expect(streaming.gib).toBeLessThan(4);
  });

  test.each([
    ['mistral-7b-v01.edits:edit', 2 * 13.5 + 8],
    ['mixtral-8x7b-v01.quant_8bit_clean:edit', 13.5 + 8],
  ])(
    '%s takes what it streams of a GPU or the host, the original script’s %d GiB where it is asked to',
    (id, gib) => {
      const streaming = memoryNeed(cell(id), MISTRAL, settings);
      // Six largest tensors of 2 % each, and CUDA itself.
      expect(streaming).toMatchObject({ device: 'gpu', gib: 2 + 0.12 * 13.5, from: 'profile' });
      expect(streaming.hostGiB).toBeLessThan(4);
      expect(streaming.ramGiB).toBeGreaterThan(streaming.hostGiB);
      const reference = memoryNeed(cell(id), MISTRAL, { ...settings, memoryPlan: 'reference' });
      expect(reference).toMatchObject({ device: 'gpu', gib, hostGiB: gib });
    },
  );

  test('a model for several GPUs is not in the host’s memory, but for what InvarLock scales of it', () => {
    const spread = (id: string): number | undefined => memoryNeed(cell(id), MISTRAL, settings).spreadRamGiB;
    expect(spread('mistral-7b-v01.baseline:eval')).toBeCloseTo(2 + 0.08 * 13.5);
    expect(spread('mistral-7b-v01.baseline:calibrate-1')).toBeCloseTo(2 + 0.38 * 13.5);
  });

  test('each headroom and the context length reach the cells they name', () => {
    const gib = (id: string, change: Partial<typeof settings>): number =>
      memoryNeed(cell(id), MISTRAL, { ...settings, memoryPlan: 'reference', ...change }).gib -
      memoryNeed(cell(id), MISTRAL, { ...settings, memoryPlan: 'reference' }).gib;
    expect(gib('mistral-7b-v01.baseline:setup', { loadOverheadGiB: 5 })).toBe(1);
    expect(gib('mistral-7b-v01.edits:edit', { batchEditOverheadGiB: 9 })).toBe(1);
    expect(gib('mixtral-8x7b-v01.quant_8bit_clean:edit', { editOverheadGiB: 9 })).toBe(1);
    expect(gib('mistral-7b-v01.baseline:eval', { evalOverheadGiB: 7 })).toBe(1);
    expect(gib('mistral-7b-v01.baseline:calibrate-1', { invarlockOverheadGiB: 7 })).toBe(1);
    expect(gib('mistral-7b-v01.baseline:eval', { evalContextLength: 1024 })).toBe(-2);
  });
});

test('by name: base × multiplier × margin', () => {
  expect(memoryNeed(cell('mistral-7b-v01.baseline:eval'), undefined, settings).gib).toBeCloseTo(
    14 * 1.2 * 1.1,
  );
  expect(memoryNeed(cell('qwen15-72b.baseline:eval'), undefined, settings).gib).toBeCloseTo(140 * 1.1 * 1.05);
  const edit = { ...settings, memoryPlan: 'reference' as const };
  expect(memoryNeed(cell('yi-34b.edits:edit'), undefined, edit).gib).toBeCloseTo(80 * 1.5 * 1.1);
});

test('the logits of a small model with many tokens are planned, and of a tiny one take nothing', () => {
  const small = { ...MISTRAL, weightsGiB: 0.92, layers: 24, kvHeads: 2, headDim: 64 };
  const gib = (rest: Partial<ModelProfile>): number =>
    memoryNeed(cell('mistral-7b-v01.baseline:eval'), { ...small, ...rest }, settings).gib;
  const others = 0.92 + kvGiB(small, 16, 2048);
  expect(gib({})).toBeCloseTo(others + 1.75 + 0.92);
  expect(gib({ vocabulary: 512 })).toBeCloseTo(others + 1.75 + 0.92);
  // An H200 saw 5.0 GiB taken, 2.9 of them torch's tensors.
  expect(gib({ vocabulary: 151_936 })).toBeCloseTo(others + 1.75 + 3);
  // No more than the site allows.
  const tight = { ...settings, evalOverheadGiB: 2 };
  const known = { ...small, vocabulary: 151_936 };
  expect(memoryNeed(cell('mistral-7b-v01.baseline:eval'), known, tight).gib).toBeCloseTo(others + 2);
});

test('the batch an evaluation is planned for', () => {
  const cap = (batch_size: string | number): number =>
    evalBatchCap({
      kind: 'eval',
      sizeClass: '7b',
      parts: [{ name: '', spec: { batch_size }, writes: [], receipt: '' }],
    });
  expect([cap(7), cap('auto:6'), cap('auto')]).toEqual([7, 6, 64]);
});

describe('GPUs', () => {
  const need = (gib: number): MemoryNeed => ({ device: 'gpu', gib, ramGiB: 1, hostGiB: gib, from: 'name' });

  test.each([
    [10, 1],
    [80, 1],
    [80.1, 2],
    [160.1, 2], // from 140 GiB on 8 GiB of tolerance
    [170, 3],
  ])('%d GiB on GPUs of 80: %d', (gib, gpus) => {
    expect(place(need(gib), { count: 8, usableGiB: 80 }, settings)).toMatchObject({ fits: true, gpus });
  });

  test('GPUs of several sizes count as what they are: the fewest of the largest that hold an even share', () => {
    const devices = { count: 3, usableGiB: 20, eachGiB: [70, 40, 20] };
    for (const [gib, gpus] of [
      [15, 1],
      [60, 1],
      [75, 2],
      [80, 2],
    ] as const) {
      expect(place(need(gib), devices, settings)).toMatchObject({ fits: true, gpus, gibPerGpu: gib / gpus });
    }
    // Three even shares would be more than the smallest has.
    expect(place(need(90), devices, settings)).toMatchObject({
      fits: false,
      why: expect.stringContaining('there are 3, of 70.0, 40.0, 20.0 GiB') as string,
    });
  });

  test('what does not fit is told, not clamped; fewer GPUs only where that is asked for', () => {
    const devices = { count: 2, usableGiB: 40 };
    expect(place(need(100), devices, settings)).toEqual({
      fits: false,
      gpus: 3,
      gibPerGpu: 100 / 3,
      why: 'needs 100.0 GiB: 3 GPUs of 40.0 GiB, and there are 2',
    });
    expect(place(need(100), devices, { ...settings, memoryAdaptive: true })).toMatchObject({
      fits: true,
      gpus: 2,
      gibPerGpu: 40,
      note: 'adaptive: needs 100.0 GiB: 3 GPUs of 40.0 GiB, and there are 2',
    });
    expect(place(need(100), { count: 0, usableGiB: 180 }, { ...settings, memoryAdaptive: true }).fits).toBe(
      false,
    );
  });

  test('an edit has one GPU: of what the original script plans at most all of it, never less than it uses', () => {
    const edit = (gib: number): MemoryNeed => ({ ...need(gib), onOneGpuGiB: 20 });
    const devices = { count: 8, usableGiB: 40 };
    expect(place(edit(20), devices, settings)).toMatchObject({ fits: true, gpus: 1, gibPerGpu: 20 });
    expect(place(edit(176), devices, settings)).toMatchObject({ fits: true, gpus: 1, gibPerGpu: 40 });
    expect(place(edit(20), { count: 8, usableGiB: 16 }, settings)).toEqual({
      fits: false,
      gpus: 1,
      gibPerGpu: 20,
      why: 'needs 20.0 GiB of one GPU, and each gives 16.0',
    });
    for (const each of cells.filter(({ kind }) => kind === 'edit')) {
      for (const memoryPlan of ['streaming', 'reference'] as const) {
        const wanted = memoryNeed(each, undefined, { ...settings, memoryPlan });
        expect(place(wanted, { count: 8, usableGiB: 75 }, settings)).toMatchObject({ fits: true, gpus: 1 });
      }
    }
  });

  test('GPU_MEMORY_GB and GPU_MEMORY_PER_DEVICE lower what a cell may take of one', () => {
    const of = (environment: NodeJS.ProcessEnv, usable?: number): number =>
      perDeviceGiB(loadSiteSettings('/nowhere', environment), usable);
    expect(of({})).toBe(180);
    expect(of({}, 77)).toBe(77);
    expect(of({ GPU_MEMORY_GB: '60' }, 77)).toBe(60);
    expect(of({ GPU_MEMORY_GB: '60' })).toBe(60);
    expect(of({ GPU_MEMORY_PER_DEVICE: '40', GPU_MEMORY_GB: '60' }, 77)).toBe(40);
    expect(of({ GPU_MEMORY_GB: '180' }, 77)).toBe(77);
  });
});

test('the table has a row a model and task, with every cell counted', () => {
  const rows = memoryRows(cells, new Map([['mistral-7b-v01', MISTRAL]]), settings, {
    count: 8,
    usableGiB: 170,
  });
  expect(rows.reduce((sum, row) => sum + row.cells, 0)).toBe(cells.length);
  expect(rows.find((row) => row.model === 'mistral-7b-v01' && row.task === 'CERTIFY_EDIT')).toEqual({
    model: 'mistral-7b-v01',
    task: 'CERTIFY_EDIT',
    kind: 'certify',
    sizeClass: '7b',
    // The edits', and the null run.
    cells: 21,
    from: 'profile',
    weightsGiB: 13.5,
    device: 'gpu',
    requiredGiB: 43.5,
    gpus: 1,
    gibPerGpu: 43.5,
    hostRamGiB: 2 + 13.5,
    fits: true,
    note: '',
  });
  const host = memoryRows(cells, new Map(), settings, { count: 0, usableGiB: 180 });
  expect(host.every(({ device, gpus, fits }) => device === 'host' && gpus === 0 && fits)).toBe(true);
  const names = rows.filter((row) => row.model === 'yi-34b').map((row) => row.from);
  expect(new Set(names)).toEqual(new Set(['name']));
});

test('a tiny model fits a small host whatever its name says, before its setup and after', () => {
  const host = { devices: { count: 0, usableGiB: 0 }, ramGiB: 8 };
  const tiny = {
    weightsGiB: 0.01,
    activeGiB: 0.01,
    layers: 2,
    kvHeads: 1,
    headDim: 64,
    maxPositions: 512,
    dtypeBytes: 2,
  };
  const of70b = cells.filter(({ model, kind }) => model === 'qwen15-72b' && kind !== 'preset');
  for (const one of of70b) {
    expect(unfitReason(one, tiny, settings, host), one.id).toBeUndefined();
    expect(unfitReason({ ...one, sourceGiB: 0.01 }, undefined, settings, host), one.id).toBeUndefined();
    expect(unfitReason(one, undefined, settings, host), one.id).toMatch(/^needs .* GiB of host memory/);
  }
});

describe('a program', () => {
  const program = (gpus: number): MemoryCell => ({
    kind: 'program',
    sizeClass: '7b',
    parts: [{ name: 'p', spec: gpus > 0 ? { gpus } : {}, writes: [], receipt: 'r' }],
  });

  test('has the GPUs it asks for, all of each, whatever the size of its model', () => {
    const devices = { count: 2, usableGiB: 70 };
    expect(plannedMemory(program(2), undefined, settings, devices)).toMatchObject({
      ...{ device: 'gpu', gpus: 2, gibPerGpu: 70, fits: true },
    });
    expect(plannedMemory(program(0), undefined, settings, devices)).toMatchObject({
      ...{ device: 'host', gpus: 0, fits: true },
    });
  });

  test('is refused where there are fewer, also where there is none', () => {
    for (const count of [0, 1]) {
      expect(plannedMemory(program(2), undefined, settings, { count, usableGiB: 70 })).toMatchObject({
        ...{ gpus: 2, fits: false, note: `asks for gpus: 2, and there are ${count}` },
      });
    }
  });
});
