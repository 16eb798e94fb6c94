// A gate that fails without an edit too is named as the baseline's own: in the verdict's text, the report and for CI.
import { expect, test } from 'vitest';
import { junitXml } from '../../tools/results/outputs/junit.js';
import { verdictText } from '../../tools/results/outputs/text/verdict-text.js';
import { matrixSection } from '../../tools/results/report/matrix.js';
import { filesOf, findingsOf, planOf, type Outcomes } from './builders.js';

const plan = planOf({ models: ['m'], edits: { a_clean: 'clean' }, nulls: 1 });
const drifted = { flags: { preview_final_drift_acceptable: false } };
const lineOf = (certificates: NonNullable<Outcomes['certificates']>): string | undefined =>
  verdictText(findingsOf(plan, filesOf(plan, { certificates })).analysis, [])
    .split('\n')
    .find((line) => line.trimStart().startsWith('a_clean '));

test('a drift that the null run has too is the baseline’s, and that of the edit alone the edit’s', () => {
  expect(lineOf({ 'm/a_clean/1': drifted })).toMatch(/drift$/);
  expect(lineOf({ 'm/a_clean/1': drifted, 'm/baseline/1': drifted })).toMatch(
    /drift \(the baseline's own\)$/,
  );
  expect(lineOf({ 'm/baseline/1': drifted })).toMatch(/-$/);
});

test('so in the report and in JUnit, and never of the null run itself', () => {
  const why = 'preview_final_drift_acceptable:fail';
  const findings = (certificates: NonNullable<Outcomes['certificates']>): ReturnType<typeof findingsOf> =>
    findingsOf(plan, filesOf(plan, { certificates }));
  const page = (of: ReturnType<typeof findingsOf>): string =>
    String(matrixSection(of, {}, { suite: 's', absent: new Set() }));
  const both = findings({
    'm/a_clean/1': { flags: { preview_final_drift_acceptable: false, spectral_stable: false } },
    'm/baseline/1': { flags: { preview_final_drift_acceptable: false, rmt_stable: false } },
  });
  expect(page(both)).toContain(`${why} (the baseline&#39;s own)`);
  expect(page(both)).toContain('spectral_stable:fail');
  expect(page(both)).not.toContain('spectral_stable:fail (');
  expect(page(both)).not.toContain('fail, the baseline');
  const [edit, baseline] = ['certify-1', 'null-1'].map((target) => {
    const [, after = ''] = junitXml(both).split(` name="${target}"`);
    return after.split('</system-out>')[0];
  });
  expect(edit).toContain(`[spectral_stable:fail, ${why} (the baseline's own)]`);
  expect(baseline).toContain(`[rmt_stable:fail, ${why}]`);

  const spectral = { flags: { spectral_stable: false } };
  const mark = 'title="spectral_stable: fail, the baseline&#39;s own"';
  expect(page(findings({ 'm/a_clean/1': spectral, 'm/baseline/1': spectral }))).toContain(mark);
  expect(page(findings({ 'm/a_clean/1': spectral }))).not.toContain('baseline&#39;s own"');
});

test('quantized edits are told as what each was taken: checkpoints, and what programs write', () => {
  const making = (kind: 'adopt' | 'program', name: string, as?: string): typeof plan.cells => [
    {
      ...{ id: `s.m.${name}:${kind}`, kind, model: 'm' },
      parts: [{ name, spec: { type: kind, ...(as === undefined ? {} : { as }) }, writes: [], receipt: name }],
    },
  ];
  const cells = [
    ...plan.cells,
    ...making('adopt', 'w4', 'dequantized'),
    ...making('program', 'ours', 'dequantized'),
    ...making('program', 'kept', 'quantized'),
    ...making('program', 'plain'),
  ];
  const text = verdictText(findingsOf({ ...plan, cells }, filesOf(plan)).analysis, []);
  const [, section = ''] = text.split('Quantized checkpoints\n');
  const lines = section.split('\n').slice(0, 4);
  expect(lines.map((line) => line.trim().replaceAll(/ +/g, ' '))).toEqual([
    'dequantized evaluated and certified as their numbers in bf16',
    'm/w4 m/ours',
    'as they are evaluated in their own format; InvarLock was not asked',
    'm/kept',
  ]);
});
