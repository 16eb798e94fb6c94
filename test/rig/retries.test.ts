// What a failed attempt is followed by, with real nx and executors: another one as its cause asks, and what is on record.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readFaultLog } from '../../tools/execution/records/fault-log.js';
import type { Receipt } from '../../tools/execution/records/receipt.js';
import { Rig, SMALL_SUITE, type NxResult } from '../support/rig/workspace.js';

const TOKEN = 'a-token-nobody-may-read';

let rig: Rig;
let run: NxResult;
/** One run with both causes; the tests look at what it left. */
beforeAll(async () => {
  rig = new Rig(SMALL_SUITE);
  await rig.generate();
  rig.script({
    'rig.m.baseline:eval': {
      attempts: 2,
      fault: 'out_of_memory',
      message: `CUDA out of memory, said ${TOKEN}`,
      exit: 84,
      environment: 'HF_TOKEN',
    },
    'rig.m.baseline:setup': {
      attempts: 1,
      exit: 1,
      print: 'requests.exceptions.ConnectionError: Max retries exceeded\nhf_AbCdEfGhIjKlMnOpQrStUvWxYz012345',
      // Not JSON, half a character, and an event nobody knows.
      events: ['no json\n', '{"event":"progress","message":"\xe2\x82\n', '{"event":"new"}\n'],
    },
  });
  run = await rig.nx(['run', 'rig.m.baseline:eval', '--output-style=static'], { HF_TOKEN: TOKEN });
}, 120_000);
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

const receipt = (): Receipt =>
  JSON.parse(rig.read('output/rig/m/evals/baseline_results.receipt.json')) as Receipt;

test('a cause that passes is followed by another attempt, though its events could not be read', () => {
  expect(run.output).toContain('rig.m.baseline:eval: failed (out_of_memory)');
  expect(rig.read('output/rig/logs/main.log')).toContain('attempt 3 ends: ok');
  expect(run.exitCode).toBe(0);
});

test('out of memory halves the batch, and the receipt says so', () => {
  expect(run.output).toContain('batch 16 → 8');
  expect(receipt().attempts).toMatchObject([
    { number: 1, exitCode: 84, cause: 'out_of_memory' },
    { number: 2, exitCode: 84, cause: 'out_of_memory', changed: { batch_size: 8 } },
    { number: 3, exitCode: 0, changed: { batch_size: 4 } },
  ]);
});

test('each attempt has a log of its own', () => {
  const logs = receipt().attempts.map(({ log }) => log);
  expect(new Set(logs).size).toBe(3);
  for (const log of logs) expect(rig.read(log)).toContain('scripted rig.m.baseline:eval');
});

test('each failed attempt is a line of errors.json', () => {
  const errors = readFaultLog(rig.root, 'rig').faults;
  expect(errors.map(({ cell, code, attempt, again }) => [cell, code, attempt, again])).toEqual([
    ['rig.m.baseline:setup', 'unavailable', 1, true],
    ['rig.m.baseline:eval', 'out_of_memory', 1, true],
    ['rig.m.baseline:eval', 'out_of_memory', 2, true],
  ]);
});

test('a token that was printed, reported and inherited is in no file and no line of output', () => {
  expect(run.output).not.toContain(TOKEN);
  expect(run.output).not.toContain('hf_AbC');
  for (const entry of readdirSync(join(rig.root, 'output'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const text = rig.read(join(entry.parentPath, entry.name).slice(rig.root.length + 1));
    expect(text, entry.name).not.toContain(TOKEN);
    expect(text, entry.name).not.toContain('hf_AbC');
  }
});
