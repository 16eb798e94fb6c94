// What a failed try is followed by, with real nx and executors: another one as its cause asks, and what is on record.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readErrors } from '../../tools/execution/records/journal.js';
import type { Receipt } from '../../tools/execution/records/receipt.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const TOKEN = 'a-token-nobody-may-read';

test(
  'passing causes are tried again, each try with a log and a line on record; secrets are nowhere',
  { timeout: 120_000 },
  async () => {
    await using rig = new Rig(SMALL_SUITE);
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
        print:
          'requests.exceptions.ConnectionError: Max retries exceeded\nhf_AbCdEfGhIjKlMnOpQrStUvWxYz012345',
        // Not JSON, half a character, an event nobody knows, and a progress report with the token in it.
        events: ['no json\n', '{"event":"progress","message":"\xe2\x82\n', '{"event":"new"}\n'],
      },
    });
    const run = await rig.nx(['run', 'rig.m.baseline:eval', '--output-style=static'], { HF_TOKEN: TOKEN });
    expect(run.output).toContain('rig.m.baseline:eval: failed (out_of_memory)');
    expect(run.output).toContain('batch 16 → 8');
    expect(run.exitCode).toBe(0);

    const receipt = JSON.parse(rig.read('output/rig/m/evals/baseline_results.receipt.json')) as Receipt;
    expect(receipt.attempts).toMatchObject([
      { number: 1, exitCode: 84, cause: 'out_of_memory' },
      { number: 2, exitCode: 84, cause: 'out_of_memory', changed: { batch_size: 8 } },
      { number: 3, exitCode: 0, changed: { batch_size: 4 } },
    ]);
    for (const { log } of receipt.attempts) expect(rig.read(log)).toContain('scripted rig.m.baseline:eval');
    const errors = readErrors(rig.root, 'rig');
    expect(errors.map(({ cell, code, attempt, again }) => [cell, code, attempt, again])).toEqual([
      ['rig.m.baseline:setup', 'unavailable', 1, true],
      ['rig.m.baseline:eval', 'out_of_memory', 1, true],
      ['rig.m.baseline:eval', 'out_of_memory', 2, true],
    ]);
    expect(rig.read('output/rig/logs/main.log')).toContain('attempt 3 ends: ok');

    // The token was printed, reported and inherited; no file and no line of output has it.
    expect(run.output).not.toContain(TOKEN);
    expect(run.output).not.toContain('hf_AbC');
    for (const entry of readdirSync(join(rig.root, 'output'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const text = rig.read(join(entry.parentPath, entry.name).slice(rig.root.length + 1));
      expect(text, entry.name).not.toContain(TOKEN);
      expect(text, entry.name).not.toContain('hf_AbC');
    }
  },
);
