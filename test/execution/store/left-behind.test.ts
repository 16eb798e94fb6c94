import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { leftBehind } from '../../../tools/execution/store/left-behind.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { parsed } from '../../suite/parse.js';

const suite = (models: string, clean: string): string =>
  `models: [${models}]\nedits: { clean: [${clean}], stress: [] }\nerrors: []\n`;
const MODEL = (name: string): string => `{ name: ${name}, facts: { architecture: llama } }`;

test('results of a removed model and of a removed edit are told, at the highest place; those of the suite are not', () => {
  const root = mkdtempSync(join(tmpdir(), 'left-behind-'));
  try {
    const before = planSuite(
      parsed(suite(`${MODEL('kept')}, ${MODEL('gone')}`, "'quant_rtn:8:128:ffn', 'lowrank_svd:8:ffn'")),
    );
    const after = planSuite(parsed(suite(MODEL('kept'), "'quant_rtn:8:128:ffn'")));
    for (const { receipt } of before.flatMap(({ parts }) => parts)) {
      mkdirSync(dirname(join(root, receipt)), { recursive: true });
      writeFileSync(join(root, receipt), '{}');
    }
    expect(leftBehind(root, 'x', before)).toEqual({ paths: [], links: [] });
    const { paths, links } = leftBehind(root, 'x', after);
    expect(paths).toEqual([
      'output/x/gone',
      'output/x/kept/certificates/svd_rank8_clean',
      ...paths.filter((path) => path.startsWith('output/x/kept/evals/svd_rank8_clean_')),
      'output/x/kept/models/svd_rank8_clean.receipt.json',
      'output/x/models/gone',
      'output/x/presets/calibrated_preset_gone.receipt.json',
    ]);
    expect(paths.filter((path) => path.startsWith('output/x/kept/evals/')).length).toBeGreaterThan(0);
    expect(links).toContain('output/x/models/gone/baseline');
    expect(links).toContain('output/x/kept/models/svd_rank8_clean');
    expect(links.filter((link) => link.includes('quant_8bit') && link.includes('kept'))).toEqual([]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
