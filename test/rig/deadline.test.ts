// A host that is taken away at a known time, without Slurm: a running cell is ended in time, and the next run makes it.
// What goes on in the next allocation is in slurm/slurm.test.ts.
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const MARGIN_S = 15;

test('a cell that would pass the end is ended in time, and is no failure', { timeout: 600_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  const began = performance.now();
  await rig.generate();
  // The cell begins only where its estimate fits, half a minute; a slow machine needs longer until then.
  const windowMs = 35_000 + 6 * (performance.now() - began);
  rig.script({ 'rig.m.baseline:setup': { until: 'go' } });
  const end = Date.now() + windowMs + MARGIN_S * 1_000;
  const setup = ['run-many', '-t', 'setup'];
  const { exitCode, output } = await rig.nx(setup, {
    VALIDATION_DEADLINE: new Date(end).toISOString(),
    VALIDATION_DEADLINE_MARGIN: String(MARGIN_S),
  });
  expect(Date.now()).toBeGreaterThan(end - MARGIN_S * 1_000);
  expect(rig.takeRuns().map(({ what }) => what)).toEqual(['start']);
  expect(output).toContain(`this host ends at ${new Date(end).toISOString()}: cells that would pass it`);
  expect(output).toContain('rig.m.baseline:setup failed (deadline): ended in time before ');
  expect(output).toContain('15 of 15 cells are left. The same command goes on with them.');
  // It finished nothing: whoever began it anew for ever would be told.
  expect(output).toMatch(/no cell ended before .*: the next run would do no more/);
  expect(exitCode).toBe(1);
  // No fault is on record, and no head is left.
  expect(rig.exists('output/rig/state/errors.json')).toBe(false);

  rig.write('go', '');
  const late = await rig.nx(setup, { VALIDATION_DEADLINE: new Date(end).toISOString() });
  expect(late.output).toContain(': no cell could run');
  expect(late.exitCode).toBe(1);
  expect((await rig.nx(setup)).exitCode).toBe(0);
  expect(rig.takeStarted()).toEqual(['rig.m.baseline:setup']);
});
