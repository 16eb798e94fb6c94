import fc from 'fast-check';
import { expect, test } from 'vitest';
import { forecast, type ForecastHost, type Work } from '../../tools/forecast/schedule.js';

const HOST: ForecastHost = { gpus: 2, cpuSlots: 1, keep: 'all' };

function work(id: string, seconds: number, more: Partial<Work> = {}): Work {
  return { id, model: 'm', seconds, gpus: 1, priority: 0, after: [], makes: [], reads: [], ...more };
}

test('two GPUs do three works of 10 s in 20 s', () => {
  const cast = forecast([work('a', 10), work('b', 10), work('c', 10)], HOST);
  expect(cast).toMatchObject({ gpuSeconds: 30, makespanSeconds: 20, boundSeconds: 15 });
});

test('what waits begins when all it waits for have ended; a chain bounds the time', () => {
  const works = [work('c', 5, { after: ['a', 'b', 'finished'] }), work('a', 10), work('b', 20)];
  expect(forecast(works, HOST)).toMatchObject({ makespanSeconds: 25, boundSeconds: 25 });
});

test('a work of two GPUs has both; higher priority goes first', () => {
  const works = [work('low', 10), work('wide', 10, { gpus: 2, priority: 1 })];
  expect(forecast(works, HOST).makespanSeconds).toBe(20);
  expect(forecast(works, { ...HOST, gpus: 3 }).makespanSeconds).toBe(10);
});

test('works without a GPU share the CPU slots', () => {
  const works = [work('a', 10, { gpus: 0 }), work('b', 10, { gpus: 0 })];
  expect(forecast(works, HOST).makespanSeconds).toBe(20);
  expect(forecast(works, { ...HOST, cpuSlots: 2 })).toMatchObject({ makespanSeconds: 10, gpuSeconds: 0 });
});

test('weights go with their last reader where the site lets them', () => {
  const edit = (name: string, after: string): Work[] => [
    work(`make ${name}`, 1, {
      gpus: 0,
      after: [after],
      makes: [{ entry: name, bytes: 100, baseline: false }],
      reads: ['base'],
    }),
    work(`read ${name}`, 1, { after: [`make ${name}`], reads: [name, 'base'] }),
  ];
  const works = [
    work('setup', 1, { gpus: 0, makes: [{ entry: 'base', bytes: 1000, baseline: true }] }),
    ...edit('x', 'setup'),
    ...edit('y', 'read x'),
  ];
  expect(forecast(works, HOST).peakBytes).toBe(1200);
  expect(forecast(works, { ...HOST, keep: 'baselines' }).peakBytes).toBe(1100);
  expect(forecast(works, HOST, 50).peakBytes).toBe(1250);
});

test('no schedule beats the bound, and every work is done', () => {
  const works = fc
    .array(
      fc.record({
        seconds: fc.integer({ min: 1, max: 50 }),
        gpus: fc.integer({ min: 0, max: 3 }),
        back: fc.nat(4),
      }),
      {
        minLength: 1,
        maxLength: 30,
      },
    )
    .map((items) =>
      items.map(({ seconds, gpus, back }, index) =>
        work(String(index), seconds, {
          gpus,
          after: back > 0 && index >= back ? [String(index - back)] : [],
        }),
      ),
    );
  fc.assert(
    fc.property(
      works,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      (list, gpus, cpuSlots) => {
        const { makespanSeconds, boundSeconds } = forecast(list, { gpus, cpuSlots, keep: 'all' });
        expect(makespanSeconds).toBeGreaterThanOrEqual(boundSeconds);
        expect(makespanSeconds).toBeLessThanOrEqual(list.reduce((sum, { seconds }) => sum + seconds, 0));
      },
    ),
  );
});
