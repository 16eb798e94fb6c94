// Tables of outcomes as the Python side writes them (fixtures/make_outcomes.py), read without Python.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { labelOf } from '../../../tools/results/analysis/ground-truth/label.js';
import { joinArms } from '../../../tools/results/analysis/ground-truth/pairs.js';
import { parseOutcomes } from '../../../tools/results/read/outcomes.js';

const table = (name: string): Uint8Array =>
  readFileSync(join(import.meta.dirname, 'fixtures', `${name}.parquet`));

describe('parseOutcomes', () => {
  it('reads columns, lists of any length, numbers that are not finite, and how the items were asked', async () => {
    const read = await parseOutcomes(table('baseline'));
    expect(read.benchmark).toEqual(['arc', 'arc', 'arc', 'city', 'city']);
    expect(read.correct).toEqual([true, false, true, true, true]);
    expect(read.logLikelihoods.map((one) => one.length)).toEqual([4, 4, 3, 2, 2]);
    expect(read.logLikelihoods[0]?.[1]).toBeCloseTo(-1.5, 6);
    expect(read.asked.city).toEqual({
      batch_size: '[8]',
      num_fewshot: '{"city_task":0}',
      limit: 'null',
      lm_eval_version: '"0.4.13"',
    });
    const broken = await parseOutcomes(table('edit'));
    expect(Array.from(broken.logLikelihoods[4] ?? []).map(String)).toEqual(['NaN', '-Infinity']);
  });

  it('joins what two files hold, and labels it', async () => {
    const [before, after] = await Promise.all([
      parseOutcomes(table('baseline')),
      parseOutcomes(table('edit')),
    ]);
    const joined = ['arc', 'city'].map((name) => joinArms(name, before, after));
    expect(joined.map(({ ok }) => ok)).toEqual([true, true]);
    const { label, decidedBy } = labelOf(joined.flatMap((one) => (one.ok ? [one.value] : [])));
    expect([label, decidedBy.test, decidedBy.benchmark]).toEqual(['harmful', 'non_finite', 'city']);
  });

  it.each([
    ['no Parquet at all', Buffer.from('{"a": 1}')],
    ['a torn file', table('baseline').subarray(0, 700)],
  ])('refuses %s', async (_what, bytes) => {
    await expect(parseOutcomes(bytes)).rejects.toThrow();
  });
});
