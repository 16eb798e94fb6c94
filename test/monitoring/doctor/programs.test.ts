// What the doctor says of programs that make edits.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { programs } from '../../../tools/monitoring/doctor/programs.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { parsed } from '../../suite/parse.js';

test('programs that can be started, and those that cannot', () => {
  const root = mkdtempSync(join(tmpdir(), 'doctor-programs-'));
  try {
    const write = (path: string, mode = 0o644): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), '');
      chmodSync(join(root, path), mode);
    };
    write('.venv/bin/python', 0o755);
    write('bin/quantizer', 0o755);
    write('suites/x/edit.py');
    write('suites/x/env/python');
    const found = (first: string, inputs = ['edit.py']): string => {
      const edits = [{ command: [first, 'edit.py', '{output}'], inputs, name: 'mine' }];
      const text = `models: [{id: o/m-7b, name: m}]\nedits: {clean: ${JSON.stringify(edits)}}\n`;
      const files = { 'suites/x/edit.py': '', 'suites/x/env/python': '', 'suites/x/gone.txt': '' };
      const cells = planSuite(parsed(text, files));
      return programs(root, cells, { PATH: join(root, 'bin') })
        .map(({ level, what, message }) => `${level} ${what}: ${message}`)
        .join('\n');
    };
    expect(found('python')).toBe(
      `ok program mine of m: python edit.py {output} (${join(root, '.venv/bin/python')})`,
    );
    expect(found('quantizer')).toContain(`ok program mine of m: quantizer`);
    expect(found('./edit.py')).toBe('ok program mine of m: ./edit.py edit.py {output}');
    expect(found('gptq')).toBe('error program mine of m: gptq cannot be started here');
    // It is there, and may not be executed.
    expect(found('./env/python')).toBe('error program mine of m: suites/x/env/python cannot be started here');
    expect(found('python', ['edit.py', 'gone.txt'])).toBe(
      'error program mine of m: missing: suites/x/gone.txt',
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
