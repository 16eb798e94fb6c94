import { describe, expect, test } from 'vitest';
import { farPair } from '../../../tools/results/outputs/text/correlation-text.js';
import { arsinhTicks, evenTicks, logTicks } from '../../../tools/results/report/drawing/ticks.js';
import { Html } from '../../../tools/results/report/drawing/html.js';
import { fitted, LONGEST_PAGE, packable } from '../../../tools/results/report/pack.js';
import { inflateRawSync } from 'node:zlib';

describe('labels of an axis', () => {
  test.each([
    [0.93, 15.9, [1, 2, 5, 10]],
    [0.93, 1.26, [1, 1.1, 1.2]],
    [0.9, 4e6, [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]],
  ])('are round numbers from %d to %d on a logarithmic one', (low, high, expected) => {
    expect(logTicks(low, high)).toEqual(expected);
  });

  test('stand apart on one that is linear near 0 and logarithmic far off', () => {
    expect(arsinhTicks(-0.3, 62)).toEqual([0, 1, 2, 5, 10, 20, 50]);
    expect(arsinhTicks(-12, 12)).toEqual([-10, -5, -2, -1, 0, 1, 2, 5, 10]);
    expect(arsinhTicks(-0.02, 0.4)).toEqual([0, 0.1, 0.2]);
  });

  test('are even, and none where there is no range', () => {
    expect(evenTicks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(logTicks(0, 1)).toEqual([]);
    expect(logTicks(1, 1)).toEqual([]);
  });
});

describe('a correlation', () => {
  const cloud = [0.1, -0.2, 0.15, -0.1, 0.05, 0, 0.2, -0.15].map((y, at) => ({
    name: `near-${at}`,
    x: 0.001 * ((at * 5) % 8),
    y,
  }));

  test('over two far edits says which they are and what is left without them', () => {
    const far = farPair([...cloud, { name: 'far-1', x: 2, y: -30 }, { name: 'far-2', x: 2.5, y: -40 }]);
    expect(far?.names.toSorted()).toEqual(['far-1', 'far-2']);
    expect(far?.share).toBeGreaterThan(0.8);
    expect(Math.abs(far?.without ?? 1)).toBeLessThan(0.6);
    expect(far?.rest).toBe(8);
  });

  test('over edits all along the line says nothing of it', () => {
    const line = Array.from({ length: 8 }, (_, at) => ({ name: `${at}`, x: at / 4, y: -at * 3 + (at % 2) }));
    expect(farPair(line)).toBeNull();
    expect(farPair(line.slice(0, 5))).toBeNull();
  });
});

describe('a long page', () => {
  const mark = { what: 'A <table>', file: 'a.csv' };
  const text = 'abc'.repeat(LONGEST_PAGE / 2);

  test('has its pieces deflated, each whole', () => {
    const page = `<main>${packable(new Html(text), mark).text}${packable(new Html('short'), mark).text}</main>`;
    const packed = fitted(page);
    expect(packed.length).toBeLessThan(20_000);
    expect(packed).toContain('>short<');
    expect(packed).toContain('A &lt;table&gt;');
    const base64 = /data-packed="([^"]*)"/.exec(packed)?.[1] ?? '';
    expect(inflateRawSync(Buffer.from(base64, 'base64')).toString()).toBe(text);
  });

  test('is left as it is where it is short', () => {
    expect(fitted(`<main>${packable(new Html('x'.repeat(5000)), mark).text}</main>`)).toBe(
      `<main>${'x'.repeat(5000)}</main>`,
    );
  });
});
