// Tokens of every kind, printed, reported and inherited: they reach no file and no screen, also when the executor that
// keeps them off the disk is killed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { processesOf, readOf } from '../support/rig/processes.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const SECRETS = {
  HF_TOKEN: 'first-token-nobody-may-read',
  HUGGING_FACE_HUB_TOKEN: 'second-token-nobody-may-read',
  WANDB_API_KEY: 'third-token-nobody-may-read',
  AWS_SECRET_ACCESS_KEY: 'fourth/token+nobody/may=read',
  HTTPS_PROXY: 'http://me:fifth-token-nobody-may-read@proxy.example:8080',
  PRIVATE_KEY: '-----BEGIN KEY-----\nsixth-token-nobody-may-read\n-----END KEY-----',
};
const WORDS = [
  ...['first', 'second', 'third', 'fifth', 'sixth'].map((each) => `${each}-token`),
  'fourth/token',
];
const EVAL = 'rig.m.baseline:eval';

/** Files under a directory of the workspace that hold any of the secrets. */
function leaks(rig: Rig, ...directories: string[]): string[] {
  return directories
    .flatMap((directory) => readdirSync(join(rig.root, directory), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const text = readFileSync(path, 'latin1');
      return WORDS.some((word) => text.includes(word));
    });
}

test('secrets reach no log, receipt, report, record or screen', { timeout: 180_000 }, async () => {
  await using rig = new Rig(SMALL_SUITE);
  await rig.generate();
  const said = Object.values(SECRETS).join(' and ');
  rig.script({
    '*': { print: said },
    [EVAL]: {
      attempts: 2,
      fault: 'unavailable',
      message: `the hub refused ${said}`,
      exit: 86,
      print: said,
      byproduct: said,
      events: [`${JSON.stringify({ event: 'progress', message: `with ${said}` })}\n`],
    },
    'rig.m.svd_rank8_stress:certify-1': { fault: 'bad_input', message: said, exit: 82 },
  });
  const run = await rig.nx(['run-many', '-t', 'certify', '--output-style=static'], SECRETS);
  expect(run.output).toContain('failed (unavailable): the hub refused');
  expect(run.output).toContain('14 of 15 cells finished');
  for (const word of WORDS) expect(run.output).not.toContain(word);
  expect(leaks(rig, 'output', '.nx')).toEqual([]);
  // The text was there: what stands around them is.
  const log = rig.read('output/rig/logs/m/baseline/eval/attempt-1/log.txt');
  expect(log).toContain(' and ');
  expect(log).toContain('http://me:*********************');
  expect(rig.read('output/rig/state/errors.json')).toContain('the hub refused *');
  expect(rig.read('output/rig/logs/m/baseline/eval/attempt-1/byproducts/notes.txt')).toContain(' and ');
});

test.each([false, true])(
  'a killed executor leaves none behind (warm Python: %s)',
  { timeout: 180_000 },
  async (warm) => {
    await using rig = new Rig(SMALL_SUITE);
    if (warm) rig.useWarmHost();
    await rig.generate();
    expect((await rig.nx(['run', 'rig.m.baseline:setup'])).exitCode).toBe(0);
    const said = Object.values(SECRETS).join(' and ');
    rig.script({ [EVAL]: { print: said, byproduct: said, sleepMs: 120_000, attempts: 1 } });
    rig.takeRuns();
    const attempt = 'output/rig/logs/m/baseline/eval/attempt-1';
    const run = rig.start(['run', EVAL], SECRETS);
    while (!rig.exists(`${attempt}/log.txt`) || !rig.read(`${attempt}/log.txt`).includes(' and '))
      await sleep(50);
    expect(leaks(rig, attempt).filter((path) => !path.includes('byproducts'))).toEqual([]);
    for (const pid of executorsOf(rig)) process.kill(pid, 'SIGKILL');
    await run;
    expect(rig.read(`${attempt}/log.txt`)).toContain('scripted');
    expect(leaks(rig, attempt).filter((path) => !path.includes('byproducts'))).toEqual([]);

    // What Python itself left there is cleaned by the next try.
    expect((await rig.nx(['run', EVAL], SECRETS)).exitCode).toBe(0);
    expect(leaks(rig, 'output', '.nx')).toEqual([]);
    expect(readdirSync(join(rig.root, attempt))).not.toContain('log.pipe');
  },
);

function executorsOf(rig: Rig): number[] {
  return processesOf(rig).filter((pid) => readOf(pid, 'cmdline').includes('run-executor'));
}
