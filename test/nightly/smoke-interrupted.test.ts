// The real smoke suite, interrupted ten times at random moments, comes to the verdict of an undisturbed run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Checkout } from '../e2e/checkout.mjs';
import { seeded } from '../support/seeded.mjs';
import { comparable } from '../support/rig/comparable.js';
import { interrupt, INTERRUPTIONS } from '../support/rig/interrupt.js';

const CERTIFY = ['run-many', '-t', 'certify', '-p', 'smoke'];
const TIMES = 10;
const verdictOf = ({ root }: Checkout): unknown =>
  comparable(JSON.parse(readFileSync(join(root, 'output/smoke/reports/final_verdict.json'), 'utf8')), root);

test('the smoke suite, interrupted ten times, gives the same verdict', async () => {
  const random = seeded(Number(process.env.CHAOS_SEED ?? 1));
  await using undisturbed = await Checkout.create();
  const whole = await undisturbed.nx(...CERTIFY);
  expect(whole.exitCode).toBe(0);
  console.log(`undisturbed: ${whole.seconds.toFixed(0)} s`);

  await using disturbed = await Checkout.create();
  // Every run also starts nx, and does again what was interrupted: together they get about as far as one does.
  const longestMs = (whole.seconds * 2_000) / TIMES;
  const began = Date.now();
  let running = 0;
  for (let count = 0; count < TIMES; count += 1) {
    const after = 2_000 + random() * longestMs;
    const how = INTERRUPTIONS[Math.floor(random() * INTERRUPTIONS.length)] ?? 'SIGKILL';
    const hit = await interrupt(disturbed.startNx(...CERTIFY), after, how);
    if (hit) running += 1;
    console.log(`${how} after ${(after / 1000).toFixed(1)} s${hit ? '' : ': it had ended'}`);
  }
  const resumed = await disturbed.nx(...CERTIFY);
  console.log(`${running} interruptions and the rest: ${((Date.now() - began) / 1000).toFixed(0)} s`);
  expect(resumed.exitCode).toBe(0);
  expect(resumed.output).toContain('all 84 cells finished');
  expect(running).toBeGreaterThanOrEqual(TIMES - 2);
  expect(verdictOf(disturbed)).toEqual(verdictOf(undisturbed));
});
