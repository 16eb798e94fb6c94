import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FAULT_CODES, faultCodeOfExit } from '../../tools/base/fault.js';
import { REPOSITORY } from '../support/repository.js';

test('the exit codes are those of validation/job.py', () => {
  const source = readFileSync(join(REPOSITORY, 'tools/python/validation/job.py'), 'utf8');
  const literal = /FaultCode = Literal\[([^\]]*)\]/.exec(source)?.[1] ?? '';
  expect([...literal.matchAll(/"(\w+)"/g)].map(([, code]) => code)).toEqual([...FAULT_CODES]);
  expect(source).toContain('code: 80 + index');
  expect(faultCodeOfExit(80)).toBe('bad_input');
  expect(faultCodeOfExit(87)).toBe('internal');
  expect(faultCodeOfExit(88)).toBe('host_out_of_memory');
  expect([0, 1, 79, 90, 137].map(faultCodeOfExit)).toEqual(Array(5).fill(undefined));
});
