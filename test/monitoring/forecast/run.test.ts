// A plan's time and disk: the simulator's, with what stands already, what was measured, and the disk there is.
import { describe, expect, test } from 'vitest';
import { GIB } from '../../../tools/base/units.js';
import type { CellProspect } from '../../../tools/monitoring/forecast/prospects.js';
import { forecast, type Facts } from '../../../tools/monitoring/forecast/run.js';
import { weightsOfPlan } from '../../../tools/execution/store/consumers.js';
import { activeGiB, modelSize, storedGiB, weightsGiB } from '../../../tools/suite/memory/memory.js';
import { estimatedSeconds, workOf } from '../../../tools/suite/plan/estimate.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { loadSiteSettings } from '../../../tools/suite/settings/settings.js';
import { referenceSuite } from '../../suite/parse.js';

const cells = planSuite(referenceSuite());
const TIB = 1024 * GIB;

function facts(change: (id: string) => Partial<CellProspect> = () => ({}), rest: Partial<Facts> = {}): Facts {
  return {
    cells,
    states: cells.map(({ id, parts }): CellProspect => {
      const state: CellProspect = {
        id,
        state: 'to run',
        reason: 'no receipt',
        parts: parts.map(({ name }) => name),
      };
      const changed = { ...state, ...change(id) };
      return changed.state === 'cached' ? { ...changed, parts: [] } : changed;
    }),
    profiles: new Map(),
    weights: weightsOfPlan(cells).map(({ cell, manifest }) => ({
      ...{ manifest, model: cell.model, kind: cell.kind, bytes: storedGiB(cell) * GIB },
      ...{ there: false, wanted: true, hubCopy: cell.kind === 'setup' },
    })),
    measured: { seconds: {}, rates: {} },
    settings: loadSiteSettings('/nowhere', {}),
    host: {
      ...{ devices: { count: 8, usableGiB: 180 }, cpuSlots: 64, ramGiB: 2_000 },
      ...{ freeDiskBytes: 100 * TIB, minFreeDiskBytes: 200 * GIB },
    },
    ...rest,
  };
}

describe('from nothing', () => {
  const all = forecast(facts());

  test('near the bound, with every baseline twice on the disk', () => {
    expect(all).toMatchObject({ cells: cells.length, measured: 0, heldBytes: 0, withoutDisk: [] });
    expect(all.makespanSeconds).toBeGreaterThanOrEqual(all.boundSeconds);
    expect(all.makespanSeconds).toBeLessThan(1.05 * all.boundSeconds);
    expect(all.gpuSeconds).toBeLessThanOrEqual(8 * all.makespanSeconds);
    const weights = weightsOfPlan(cells).map(({ cell }) => cell);
    const copies = weights.filter(({ kind }) => kind === 'setup');
    const gib = [...weights, ...copies].reduce((sum, cell) => sum + storedGiB(cell), 0);
    expect(all.wantedBytes).toBe(gib * GIB);
    expect(all.peakBytes).toBe(all.wantedBytes);
  });

  test('what is cached takes no time, and its weights are there', () => {
    const isCached = (id: string): boolean => id.includes('mistral') || id.endsWith('baseline:setup');
    const weights = facts().weights.map((one) => ({
      ...one,
      there: one.kind === 'setup' || one.model.includes('mistral'),
    }));
    const rest = forecast(facts((id) => (isCached(id) ? { state: 'cached' } : {}), { weights }));
    expect(rest.cells).toBe(cells.filter(({ id }) => !isCached(id)).length);
    expect(rest.gpuSeconds).toBeLessThan(all.gpuSeconds);
    const held = weights.reduce((sum, { there, bytes }) => sum + (there ? bytes : 0), 0);
    expect(rest.heldBytes).toBe(held);
    // No download is left of which the hub's cache would keep a copy.
    const copies = weights.reduce((sum, { kind, bytes }) => sum + (kind === 'setup' ? bytes : 0), 0);
    expect(rest.wantedBytes).toBe(all.wantedBytes - copies);
  });

  test('what is blocked counts for nothing', () => {
    const rest = forecast(
      facts((id) => (id.includes('qwen15-72b') ? { state: 'blocked', reason: 'does not fit' } : {})),
    );
    expect(rest.withoutDisk).toEqual([]);
    expect(rest.cells).toBe(cells.length - 54 - 7);
    expect(rest.gpuSeconds).toBeLessThan(all.gpuSeconds);
  });

  test('what was measured goes before the estimate', () => {
    const runs = cells.filter(({ model, kind }) => model === 'yi-34b' && kind === 'certify');
    const [one, two, ...others] = runs.map(({ id }) => id);
    const done = new Set<string | undefined>([one, two]);
    const measured = { seconds: { 'yi-34b/certify': 101 }, rates: {} };
    const rest = forecast(facts((id) => (done.has(id) ? { state: 'cached' } : {}), { measured }));
    expect(rest).toMatchObject({ measured: others.length, scaled: 0 });
    const estimate = estimatedSeconds('certify', weightsGiB('40b'));
    expect(all.gpuSeconds - rest.gpuSeconds).toBeCloseTo(runs.length * estimate - others.length * 101);
  });

  test('a model of which nothing was measured takes what another does, in proportion to the work', () => {
    const rate = { work: 10, seconds: 70, startSeconds: 20 };
    const measured = { seconds: { 'mistral-7b-v01/certify': 70 }, rates: { certify: [rate] } };
    const rest = forecast(facts(undefined, { measured }));
    const certificates = cells.filter(({ kind }) => kind === 'certify');
    expect(rest.scaled).toBe(certificates.filter(({ model }) => model !== 'mistral-7b-v01').length);
    const seconds = (model: string): number => {
      const cell = certificates.find((one) => one.model === model);
      return cell === undefined ? 0 : 20 + 5 * workOf(cell, modelSize(cell, undefined), false);
    };
    const saved = certificates.reduce(
      (sum, { model, sizeClass }) =>
        sum +
        estimatedSeconds('certify', activeGiB(sizeClass)) -
        (model === 'mistral-7b-v01' ? 70 : seconds(model)),
      0,
    );
    // Each on one GPU but the largest.
    const host = { ...facts().host, devices: { count: 8, usableGiB: 1_000 } };
    const [before, after] = [facts(undefined, { host }), facts(undefined, { host, measured })].map(forecast);
    expect((before?.gpuSeconds ?? 0) - (after?.gpuSeconds ?? 0)).toBeCloseTo(saved);
  });

  test('without a GPU the slots do the work', () => {
    const host = { ...facts().host, devices: { count: 0, usableGiB: 180 }, cpuSlots: 4 };
    const onCpu = forecast(facts(undefined, { host }));
    expect(onCpu).toMatchObject({ gpuSeconds: 0, withoutDisk: [] });
    expect(onCpu.makespanSeconds).toBeGreaterThan(all.makespanSeconds);
    expect(onCpu.makespanSeconds).toBeGreaterThanOrEqual(onCpu.boundSeconds);
  });

  test('cells that need several GPUs have them', () => {
    const host = { ...facts().host, devices: { count: 8, usableGiB: 60 } };
    const small = forecast(facts(undefined, { host }));
    expect(small.withoutDisk).toEqual([]);
    expect(small.gpuSeconds).toBeGreaterThan(1.5 * all.gpuSeconds);
    expect(small.makespanSeconds).toBeGreaterThan(all.makespanSeconds);
  });
});

describe('a disk with too little room for all', () => {
  const host = { ...facts().host, freeDiskBytes: 2 * TIB };

  test('storage.keep: all: cells without room are named', () => {
    const cast = forecast(facts(undefined, { host }));
    expect(cast.withoutDisk.length).toBeGreaterThan(100);
    // As with room for all: what has none is told apart.
    expect(cast.makespanSeconds).toBe(forecast(facts()).makespanSeconds);
    expect(cast.peakBytes).toBeLessThanOrEqual(host.freeDiskBytes - host.minFreeDiskBytes);
    expect(cast.wantedBytes).toBeGreaterThan(8 * TIB);
  });

  test('storage.keep: baselines: all end, some later', () => {
    const settings = loadSiteSettings('/nowhere', { VALIDATION_STORAGE_KEEP: 'baselines' });
    const cast = forecast(facts(undefined, { host, settings }));
    expect(cast.withoutDisk).toEqual([]);
    expect(cast.peakBytes).toBeLessThanOrEqual(host.freeDiskBytes - host.minFreeDiskBytes);
    expect(cast.peakBytes).toBeLessThan(cast.wantedBytes);
    const free = forecast(facts(undefined, { settings }));
    expect(cast.makespanSeconds).toBeGreaterThanOrEqual(free.makespanSeconds);
  });
});
