// The same secrets, looked for by a scanner that others made: secretlint with its recommended rules.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { redact, secretsOf } from '../../../tools/base/text/redact.js';
import { LogWriter } from '../../../tools/execution/worker/log-file.js';
import { secretlint } from '../../support/secretlint.mjs';
import { NAMED, PLACES, TOKENS, URLS } from './secrets.js';

test('a scanner that others made, secretlint, finds nothing either', async () => {
  const all = [
    ...Object.values(TOKENS),
    ...Object.entries(NAMED).map(([name, value]) => `${name}=${value}`),
    ...URLS.map(([url]) => url),
  ];
  const text = all
    .flatMap((secret) => [secret, JSON.stringify(secret), encodeURIComponent(secret)])
    .flatMap((form) => PLACES.map(([, put]) => put(form)))
    .join('\n');
  const before = await secretlint(text);
  expect(before.rules.size).toBeGreaterThanOrEqual(15);
  expect(before.count).toBeGreaterThanOrEqual(300);
  const secrets = secretsOf({ ...NAMED, HOME: '/nonexistent' });
  const root = mkdtempSync(join(tmpdir(), 'validation-secrets-'));
  const log = join(root, 'log.txt');
  const writer = new LogWriter(log, secrets);
  writer.push(Buffer.from(text));
  writer.end();
  for (const clean of [redact(text, secrets), readFileSync(log, 'utf8')])
    expect(await secretlint(clean)).toEqual({ rules: new Set(), count: 0 });
  rmSync(root, { recursive: true });
});
