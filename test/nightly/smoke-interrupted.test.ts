// The real smoke suite, interrupted at ten random moments, comes to the verdict of an undisturbed run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Checkout } from '../e2e/checkout.mjs';
import { seeded } from '../rig/chaos.js';
import { comparable } from './comparable.js';

const VERDICT = 'output/smoke/reports/final_verdict.json';
const INTERRUPTIONS = 10;
const verdictOf = (checkout: Checkout): unknown =>
  comparable(JSON.parse(readFileSync(join(checkout.root, VERDICT), 'utf8')), checkout.root);

test('the smoke suite, interrupted ten times, gives the same verdict', async () => {
  const random = seeded(Number(process.env.CHAOS_SEED ?? 1));
  await using undisturbed = await Checkout.create();
  const whole = await undisturbed.nx('run-many', '-t', 'certify', '-p', 'smoke');
  expect(whole.exitCode).toBe(0);

  await using disturbed = await Checkout.create();
  const longest = (whole.seconds * 1_000) / (INTERRUPTIONS + 1);
  const moments: string[] = [];
  for (let count = 0; count < INTERRUPTIONS; count += 1) {
    const run = disturbed.start('npx', ['nx', 'run-many', '-t', 'certify', '-p', 'smoke']);
    const after = 2_000 + random() * longest;
    await Promise.race([sleep(after), run]);
    const signal = (['SIGINT', 'SIGTERM', 'SIGKILL'] as const)[Math.floor(random() * 3)] ?? 'SIGINT';
    moments.push(`${signal} after ${(after / 1000).toFixed(1)} s`);
    if (run.pid !== undefined) killTree(run.pid, signal);
    await run;
  }
  const resumed = await disturbed.nx('run-many', '-t', 'certify', '-p', 'smoke');
  console.log(`interrupted: ${moments.join(', ')}; undisturbed ${whole.seconds.toFixed(0)} s`);
  expect(resumed.exitCode).toBe(0);
  expect(verdictOf(disturbed)).toEqual(verdictOf(undisturbed));
});

/** To nx itself: `npx` and the shell in between pass no SIGKILL on. */
function killTree(pid: number, signal: NodeJS.Signals): void {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean);
  for (const child of children) {
    const words = readFileSync(`/proc/${child}/cmdline`, 'utf8');
    if (/^(sh|\/bin\/sh)\0|npm/.test(words)) killTree(Number(child), signal);
    else process.kill(Number(child), signal);
  }
  if (children.length === 0) process.kill(pid, signal);
}
