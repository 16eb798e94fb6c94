import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../support/repository.js';

test('a reader who stops reading ends nothing, and hears of no error', { timeout: 60_000 }, async () => {
  const say = JSON.stringify(join(REPOSITORY, 'tools/dist/base/text/say.js'));
  const script = `const { say, complain } = await import(${say});
    for (let line = 0; line < 20_000; line += 1) say('x'.repeat(100));
    await new Promise((end) => setTimeout(end, 200));
    complain('went on to its end');`;
  const told = await execa('bash', [
    '-c',
    '"$0" --input-type=module -e "$1" | head -1',
    process.execPath,
    script,
  ]);
  expect(told.stdout).toBe('x'.repeat(100));
  expect(told.stderr).toBe('went on to its end');
});
