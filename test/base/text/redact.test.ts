import fc from 'fast-check';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  isSecretName,
  plainSecrets,
  redact,
  redactFile,
  secretsOf,
} from '../../../tools/base/text/redact.js';

const TOKEN = 'hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-redact-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('secrets are what is named so, and what a login left', () => {
  const environment = {
    HF_TOKEN: 'my-secret-token',
    AWS_SECRET_ACCESS_KEY: 'abcdefgh1',
    HOME: root,
    SHORT_TOKEN: 'x',
  };
  expect(plainSecrets({ ...environment, PATH: '/usr/bin:/bin' })).toEqual(['my-secret-token', 'abcdefgh1']);
  mkdirSync(join(root, '.cache/huggingface'), { recursive: true });
  writeFileSync(join(root, '.cache/huggingface/token'), `${TOKEN}\n`);
  expect(plainSecrets({ HOME: root })).toEqual([TOKEN]);
  expect(secretsOf({ HOME: root })).toContain(Buffer.from(TOKEN).toString('hex'));
});

test('which names are secret', () => {
  const names = [
    'HF_TOKEN',
    'HUGGING_FACE_HUB_TOKEN',
    'OPENAI_API_KEY',
    'DB_PASSWORD',
    'GOOGLE_CREDENTIALS',
    'DB_PASS',
    'OPENAI_KEY',
    'PASSPHRASE',
    'COOKIE',
    'AUTH',
    'DB_PWD',
    'GITHUB_PAT',
  ];
  for (const name of names) expect(isSecretName(name), name).toBe(true);
  for (const name of [
    'PATH',
    'TOKENIZERS_PARALLELISM',
    'OMP_NUM_THREADS',
    'PWD',
    'OLDPWD',
    'SSH_PUBLIC_KEY',
    'COMPASS',
    'KEYBOARD',
    'AUTHOR',
  ])
    expect(isSecretName(name)).toBe(false);
});

test('tokens and passwords of URLs go by their form too', () => {
  expect(redact(`got ${TOKEN}.`, [])).toBe(`got ${'*'.repeat(TOKEN.length)}.`);
  expect(redact('https://me:pass-word@proxy.example:80/x', [])).toBe(
    'https://me:*********@proxy.example:80/x',
  );
  expect(redact('a hf_model and https://example.org/x:1@2', [])).toBe(
    'a hf_model and https://example.org/x:1@2',
  );
});

test('a file is cleaned in place, wherever the secret lies, whatever bytes are around it', () => {
  const secret = 'sécret-päss-wörd';
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 100 }), (before, after) => {
      const path = join(root, 'log.txt');
      const whole = Buffer.concat([Buffer.from(before), Buffer.from(secret), Buffer.from(after)]);
      writeFileSync(path, whole);
      redactFile(path, [secret]);
      const clean = readFileSync(path);
      expect(clean.length).toBe(whole.length);
      expect(clean.includes(Buffer.from(secret))).toBe(false);
    }),
    { numRuns: 50 },
  );
});

test('a secret that straddles two windows is found', () => {
  const path = join(root, 'log.txt');
  writeFileSync(path, `${'x'.repeat((1 << 20) - 10)}my-secret-token${'y'.repeat(2_000_000)}my-sec`);
  redactFile(path, ['my-secret-token']);
  const text = readFileSync(path, 'utf8');
  expect(text).not.toContain('my-secret-token');
  expect(text.endsWith('ymy-sec')).toBe(true);
});

test('of a key of several lines each line is a secret', () => {
  const key = '-----BEGIN KEY-----\nline-one-of-it\nline-two-of-it\n-----END KEY-----\n';
  const secrets = secretsOf({ SSH_PRIVATE_KEY: key, HOME: root });
  expect(redact('says line-two-of-it only', secrets)).toBe('says ************** only');
});
