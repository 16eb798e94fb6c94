// A suite that is interrupted at five random moments, seeded, comes to the verdict of one that was not. (The real smoke
// suite: test/nightly/smoke-interrupted.test.ts.)
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { seeded } from '../support/seeded.mjs';
import { comparable } from '../support/rig/comparable.js';
import { interrupt, INTERRUPTIONS } from '../support/rig/interrupt.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const TIMES = 5;

async function suite(): Promise<Rig> {
  const rig = new Rig(SMALL_SUITE);
  await rig.generate();
  rig.script({ '*': { sleepMs: 700, exclusive: true } });
  return rig;
}

const ranBytes = (rig: Rig): number => (rig.exists('ran.jsonl') ? rig.read('ran.jsonl').length : 0);
const verdictOf = (rig: Rig): unknown =>
  comparable(JSON.parse(rig.read('output/rig/reports/final_verdict.json')), rig.root);

test(
  'a suite interrupted five times gives the verdict of one that was not',
  { timeout: 300_000 },
  async () => {
    const random = seeded(Number(process.env.CHAOS_SEED ?? 1));
    await using undisturbed = await suite();
    expect((await undisturbed.certify()).output).toContain('all 15 cells finished');

    await using disturbed = await suite();
    let running = 0;
    for (let count = 0; count < TIMES; count += 1) {
      const how = INTERRUPTIONS[Math.floor(random() * INTERRUPTIONS.length)] ?? 'SIGKILL';
      const run = disturbed.start(['run-many', '-t', 'certify']);
      // Not before a cell is at work: what is interrupted earlier is nx alone.
      const before = ranBytes(disturbed);
      const over = new AbortController();
      void run.then(() => {
        over.abort();
      });
      while (!over.signal.aborted && ranBytes(disturbed) === before) await sleep(20);
      if (await interrupt(run, random() * 900, how)) running += 1;
    }
    expect(running).toBeGreaterThanOrEqual(TIMES - 2);
    const resumed = await disturbed.certify();
    expect(resumed.output).toContain('all 15 cells finished');
    expect(resumed.exitCode).toBe(0);
    expect(disturbed.exists('overlaps.jsonl')).toBe(false);
    expect(verdictOf(disturbed)).toEqual(verdictOf(undisturbed));
  },
);
