// A gathering target with an option that there is not starts nothing.
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

test('options that nothing reads', { timeout: 180_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();
  for (const words of [
    ['run', 'rig:certify', '--frob'],
    ['affected', '-t', 'certify', '--files=suites/rig/suite.yaml', '--dry-run'],
  ]) {
    const run = await rig.nx(words);
    expect(run.exitCode).not.toBe(0);
    expect(run.output).toContain(`not started: unknown option ${words.at(-1) ?? ''}`);
    expect(run.output).not.toMatch(/\n\s+at .*:\d+/);
    expect(rig.takeStarted()).toEqual([]);
  }
});
