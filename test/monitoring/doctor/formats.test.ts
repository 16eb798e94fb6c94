// What Python is asked of edits that are evaluated in their quantized formats; one taken dequantized needs nothing.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askPython } from '../../../tools/monitoring/doctor/python.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { parsed } from '../../suite/parse.js';

test('checkpoints and programs that are taken quantized are asked for, with what runs each', async () => {
  const root = mkdtempSync(join(tmpdir(), 'doctor-formats-'));
  try {
    mkdirSync(join(root, '.venv/bin'), { recursive: true });
    const python = join(root, '.venv/bin/python');
    writeFileSync(python, '#!/bin/sh\ncat > "$NX_WORKSPACE_ROOT/questions.json"\n');
    chmodSync(python, 0o755);
    const program = { command: ['python', 'edit.py', '{output}'], inputs: ['edit.py'] };
    const edits = [
      { checkpoint: 'org/w8', as: 'quantized', format: 'torchao' },
      { checkpoint: 'org/w4', as: 'dequantized' },
      { ...program, name: 'kept', as: 'quantized', format: 'bitsandbytes-4bit' },
      { ...program, name: 'numbers', as: 'dequantized' },
      { ...program, name: 'plain' },
    ];
    const text = `models: [{id: o/m-7b, name: m}]\nedits: {clean: ${JSON.stringify(edits)}}\n`;
    const cells = planSuite(parsed(text, { 'suites/x/edit.py': '' }));
    await askPython(root, cells, { offline: true, driver: undefined, stored: new Map() });
    const asked = JSON.parse(readFileSync(join(root, 'questions.json'), 'utf8')) as Record<string, unknown>;
    expect(asked.formats).toEqual([
      { what: 'checkpoint w8 of m', format: 'torchao', package: 'torchao==0.18.0' },
      { what: 'program kept of m', format: 'bitsandbytes-4bit', package: 'bitsandbytes==0.50.2' },
    ]);
    expect(asked.checkpoints).toMatchObject([
      { name: 'w8', as: 'quantized', format: 'torchao' },
      { name: 'w4', as: 'dequantized', format: null },
    ]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
