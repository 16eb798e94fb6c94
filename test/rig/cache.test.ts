// What starts Python again and what does not: the promise that a finished cell stays finished.
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const ALL_CELLS = [
  'rig.m.baseline:baseline-1',
  'rig.m.baseline:calibrate-1',
  'rig.m.baseline:calibrate-2',
  'rig.m.baseline:eval',
  'rig.m.baseline:preset',
  'rig.m.baseline:setup',
  'rig.m.edits:edit',
  'rig.m.error_nan_injection:certify-1',
  'rig.m.error_nan_injection:inject',
  'rig.m.quant_8bit_clean:certify-1',
  'rig.m.quant_8bit_clean:eval-arc',
  'rig.m.quant_8bit_clean:eval-mmlu',
  'rig.m.svd_rank8_stress:certify-1',
  'rig.m.svd_rank8_stress:eval-arc',
  'rig.m.svd_rank8_stress:eval-mmlu',
];

test(
  'a suite runs once; nothing that leaves a cell as it was starts Python again',
  { timeout: 420_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();

    const first = await rig.certify();
    expect(first.output).toContain('rig: NOT_ASSESSABLE');
    expect(first.exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual(ALL_CELLS);
    expect(rig.exists('output/rig/reports/report.html')).toBe(true);

    // Report and comparison run nothing, and change nothing of what is the same.
    const made = await rig.nx(['run', 'rig:report']);
    expect(made.output).toContain('output/rig/reports/report.html (as it was)');
    rig.copy('output/rig', 'friday');
    const compared = await rig.nx(['run', 'rig:compare', '--with', 'friday']);
    expect(compared.output).toContain('Accuracies: all 6 the same');
    expect(compared.exitCode).toBe(0);
    const nowhere = await rig.nx(['run', 'rig:compare', '--with', 'nowhere']);
    expect(nowhere.output).toContain('nowhere/reports/final_verdict.json does not exist');
    expect(nowhere.exitCode).not.toBe(0);
    expect(rig.takeStarted()).toEqual([]);

    // From Nx's cache.
    expect((await rig.certify()).exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual([]);

    // From receipts: Nx's cache is empty, or every hash has moved.
    await rig.nx(['reset']);
    expect((await rig.certify('--output-style=static')).output).toContain('reused: its receipt stands');
    expect(rig.takeStarted()).toEqual([]);

    rig.edit('.gitignore', (text) => `${text}something\n`);
    rig.edit('workspace-config/nx.base.json', (text) =>
      text.replace('"parallel": ', '"cacheDirectory": ".nx/other", "parallel": '),
    );
    rig.edit('workspace-config/site.yaml', (text) => text.replace('default_s: 21600', 'default_s: 3600'));
    rig.edit('package.json', (text) =>
      text.replace('"dependencies": {', '"dependencies": {\n    "left-pad": "1.3.0",'),
    );
    rig.edit('tools/dist/results/judge.js', (text) => `${text}\n// report code changed\n`);
    rig.edit('suites/rig/m/quant_8bit_clean/project.json', (text) =>
      text.replace('"tags": [', '"tags": ["new", '),
    );
    rig.edit('suites/rig/m/quant_8bit_clean/project.json', (text) => text.replace('Evaluate', 'Assess'));
    expect((await rig.certify()).exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual([]);

    // A new edit and a new run start what is new, and nothing else.
    rig.edit('suites/rig/suite.yaml', (text) =>
      text
        .replace(
          "clean: ['quant_rtn:8:128:ffn']",
          "clean: ['quant_rtn:8:128:ffn', 'magnitude_prune:0.1:ffn']",
        )
        .replace('stress: 1', 'stress: 2'),
    );
    await rig.generate();
    expect((await rig.certify()).exitCode).toBe(0);
    const runs = rig.takeRuns().filter(({ what }) => what === 'start');
    expect(runs.map(({ cell }) => cell).sort()).toEqual([
      'rig.m.baseline:baseline-2',
      'rig.m.edits:edit',
      'rig.m.prune_10pct_clean:certify-1',
      'rig.m.prune_10pct_clean:eval-arc',
      'rig.m.prune_10pct_clean:eval-mmlu',
      'rig.m.svd_rank8_stress:certify-2',
    ]);
    expect(runs.find(({ cell }) => cell === 'rig.m.edits:edit')?.parts).toEqual(['prune_10pct_clean']);

    // Other parameters: what stems from that edit, and nothing else.
    rig.edit('suites/rig/suite.yaml', (text) =>
      text.replace(
        "'magnitude_prune:0.1:ffn'",
        '{ type: magnitude_prune, sparsity: 0.2, scope: ffn, name: prune_10pct_clean }',
      ),
    );
    await rig.generate();
    const remade = await rig.certify('--output-style=static');
    expect(remade.exitCode).toBe(0);
    // Named before they run: what was made from the bytes that are gone.
    expect(remade.output).toMatch(/prune_10pct_clean: 1 of its files differ from before.* to run again: .*/);
    const named = /to run again: (.*)/.exec(remade.output)?.[1]?.split(', ').sort();
    expect(named).toEqual([
      'rig.m.prune_10pct_clean:certify-1',
      'rig.m.prune_10pct_clean:eval-arc',
      'rig.m.prune_10pct_clean:eval-mmlu',
    ]);
    expect(rig.takeStarted()).toEqual([
      'rig.m.edits:edit',
      'rig.m.prune_10pct_clean:certify-1',
      'rig.m.prune_10pct_clean:eval-arc',
      'rig.m.prune_10pct_clean:eval-mmlu',
    ]);

    // Asked for by name, a cell runs again whatever its receipt says.
    await rig.nx(['run', 'rig.m.quant_8bit_clean:certify-1', '--skip-nx-cache', '--excludeTaskDependencies']);
    expect(rig.takeStarted()).toEqual(['rig.m.quant_8bit_clean:certify-1']);

    // A result that was altered by hand is no result, and whoever only looks is told so.
    rig.edit('output/rig/m/certificates/quant_8bit_clean/run_1/outcome.json', (text) => `${text} `);
    const report = await rig.nx(['run', 'rig:report']);
    expect(report.exitCode).not.toBe(0);
    expect(report.output).toContain(
      'rig.m.quant_8bit_clean:certify-1: output/rig/m/certificates/quant_8bit_clean/run_1/outcome.json was altered after its cell had ended; make it again: npx nx run rig.m.quant_8bit_clean:certify-1',
    );
    expect(rig.read('output/rig/reports/junit.xml')).toContain('<error type="altered"');
    await rig.nx(['reset']);
    expect((await rig.certify()).exitCode).toBe(0);
    expect(rig.takeStarted()).toEqual(['rig.m.quant_8bit_clean:certify-1']);
  },
);
