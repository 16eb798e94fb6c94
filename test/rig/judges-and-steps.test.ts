// A step added to a ladder runs its own cells and no other; a judge added runs none, and is in the results all the same.
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const LADDER = '  - { edit: quant_rtn, vary: bits, steps: [8, 4], scope: ffn, group_size: 32 }';
const SUITE = `${SMALL_SUITE.trimEnd()}\njudges: [never]\nladders:\n${LADDER}\n`;

test('a new step and a new judge run nothing that was done', { timeout: 420_000 }, async () => {
  await using rig = new Rig(SUITE);
  await rig.generate();
  expect((await rig.certify()).exitCode).toBe(0);
  const first = rig.takeStarted();
  expect(first).toContain('rig.m.quant_8bit_g32_ffn:certify-1');

  rig.edit('suites/rig/suite.yaml', (text) => text.replace('steps: [8, 4]', 'steps: [8, 5, 4]'));
  await rig.generate();
  expect((await rig.certify()).exitCode).toBe(0);
  const added = rig.takeStarted();
  // In batch mode the one cell of all edits starts, for the new one.
  expect(added.filter((cell) => !cell.includes('quant_5bit_g32_ffn'))).toEqual(['rig.m.edits:edit']);
  expect(added).toContain('rig.m.quant_5bit_g32_ffn:certify-1');

  rig.edit('suites/rig/suite.yaml', (text) => text.replace('judges: [never]', 'judges: [never, always]'));
  await rig.generate();
  expect((await rig.certify()).exitCode).toBe(0);
  expect(rig.takeStarted()).toEqual([]);
  const table = rig.read('output/rig/analysis/judges.csv');
  expect(table.split('\n').map((line) => line.split(',')[0])).toEqual(['judge', 'never', 'always', '']);
});
