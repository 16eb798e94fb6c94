// Secrets × spellings × places: a scanner that knows nothing of the redaction finds none of them afterwards. It decodes
// whatever looks decodable, and looks for any twelve characters of a secret. Python itself spells them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redact, redactBytes, redactFile, secretsOf } from '../../../tools/base/text/redact.js';
import { LogWriter } from '../../../tools/execution/worker/log-file.js';
import { NAMED, PLACES, TOKENS, URLS } from './secrets.js';

const SPELL = `
import base64, html, json, shlex, sys, urllib.parse
def spell(s):
    b = s.encode()
    return {
        'raw': s, 'json': json.dumps(s), 'json as it is': json.dumps(s, ensure_ascii=False), 'json in json': json.dumps(json.dumps(s)),
        'repr': repr(s), 'repr of bytes': repr(b), 'repr of a dictionary': repr({'a': s}),
        'quote': urllib.parse.quote(s), 'quote whole': urllib.parse.quote(s, safe=''), 'quote plus': urllib.parse.quote_plus(s),
        'base64': base64.b64encode(b).decode(), 'base64 of a URL': base64.urlsafe_b64encode(b).decode(),
        'Basic': base64.b64encode(b'user:' + b).decode(), 'base64 inside': base64.b64encode(b'ab' + b + b'c').decode(),
        'hex': b.hex(), 'html': html.escape(s), 'shell': shlex.quote(s),
    }
print(json.dumps([spell(s) for s in json.load(sys.stdin)]))
`;

let root: string;
let spelled: Map<string, Record<string, string>>;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'validation-secrets-'));
  const all = [...Object.values(TOKENS), ...Object.values(NAMED)];
  const answer = execFileSync('python3', ['-c', SPELL], { input: JSON.stringify(all), encoding: 'utf8' });
  const forms = JSON.parse(answer) as Record<string, string>[];
  spelled = new Map(all.map((secret, index) => [secret, forms[index] ?? {}]));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** The text, and all that can be read out of it. */
function views(text: string): string[] {
  const base64 = (text.match(/[A-Za-z0-9+/_-]{12,}/g) ?? []).flatMap((run) =>
    [0, 1, 2, 3].map((skip) => Buffer.from(run.slice(skip), 'base64').toString('utf8')),
  );
  const hex = (text.match(/[0-9a-fA-F]{16,}/g) ?? []).flatMap((run) =>
    [0, 1].map((skip) => Buffer.from(run.slice(skip), 'hex').toString('utf8')),
  );
  const percent = text
    .replaceAll('+', ' ')
    .replace(/(%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString());
  const bytes = text.replace(/(\\x[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('\\x', ''), 'hex').toString(),
  );
  const unicode = text.replace(/\\u([0-9a-f]{4})/gi, (_, digits: string) =>
    String.fromCharCode(parseInt(digits, 16)),
  );
  const entities = text
    .replaceAll('&quot;', '"')
    .replaceAll('&#x27;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
  const bare = (one: string): string =>
    one.replaceAll('\\\\', '\\').replaceAll('\\"', '"').replaceAll("\\'", "'");
  const deep = text.replace(/\\\\u([0-9a-f]{4})/gi, (_, digits: string) =>
    String.fromCharCode(parseInt(digits, 16)),
  );
  return [text, ...base64, ...hex, percent, bytes, unicode, deep, entities].flatMap((one) => [
    one,
    bare(one),
    bare(bare(one)),
  ]);
}

/** Any twelve characters of a secret (a shorter one whole) that can be read in a text. */
function found(text: string, secret: string): string | undefined {
  const length = Math.min(12, secret.length);
  const pieces = secret
    .split('\n')
    .flatMap((line) =>
      Array.from({ length: line.length - length + 1 }, (_, at) => line.slice(at, at + length)),
    );
  const all = views(text);
  return pieces.find((piece) => all.some((view) => view.includes(piece)));
}

test('the corpus is as large as it says', () => {
  const kinds = Object.keys(TOKENS).length + Object.keys(NAMED).length + URLS.length;
  expect(kinds).toBeGreaterThanOrEqual(80);
  // The scanner sees what is there to be seen.
  for (const [secret, forms] of spelled)
    for (const [name, form] of Object.entries(forms))
      expect(found(form, secret), `${name} of ${secret}`).toBeDefined();
});

describe('named secrets', () => {
  const secrets = secretsOf({ ...NAMED, HOME: '/nonexistent' });
  test.each(Object.entries(NAMED))('%s', (_, secret) => {
    for (const [form, text] of Object.entries(spelled.get(secret) ?? {}))
      for (const [place, put] of PLACES) {
        expect(found(redact(put(text), secrets), secret), `${form}, ${place}`).toBeUndefined();
        const bytes = redactBytes(Buffer.from(put(text)), secrets);
        expect(bytes.length).toBe(Buffer.byteLength(put(text)));
        expect(found(bytes.toString(), secret), `${form}, ${place}`).toBeUndefined();
      }
  });
});

describe("providers' tokens", () => {
  test.each(Object.entries(TOKENS))('%s, wherever it comes from', (_, secret) => {
    for (const form of ['raw', 'json', 'repr', 'quote', 'repr of a dictionary'])
      for (const [place, put] of PLACES) {
        const text = put(spelled.get(secret)?.[form] ?? '');
        expect(found(redact(text, []), secret), `${form}, ${place}`).toBeUndefined();
      }
  });
  test.each(Object.entries(TOKENS))('%s, in a variable of any name, in every spelling', (_, secret) => {
    const secrets = secretsOf({ WHATEVER: `x ${secret}`, HOME: '/nonexistent' });
    for (const [form, text] of Object.entries(spelled.get(secret) ?? {}))
      expect(found(redact(`a ${text} b`, secrets), secret), form).toBeUndefined();
  });
});

describe('URLs', () => {
  test.each(URLS)('%s', (url, secrets) => {
    for (const [place, put] of PLACES)
      for (const secret of secrets) expect(found(redact(put(url), []), secret), place).toBeUndefined();
    const known = secretsOf({ ANY_URL: url, HOME: '/nonexistent' });
    const [host = ''] = /[a-z]+\.(example|slack|com)/.exec(redact(url, known)) ?? [];
    expect(host).not.toBe('');
  });
});

test('a header and a private key, whoever prints them', () => {
  const [value = ''] = Object.values(TOKENS).map((one) => one.replace(/^[a-z]+_/, 'Zz'));
  for (const text of [
    `Authorization: Bearer ${value}`,
    `{'authorization': 'Bearer ${value}'}`,
    `x-api-key: ${value}`,
    `Cookie: id=${value}`,
  ])
    expect(found(redact(text, []), value), text).toBeUndefined();
  const key = `-----BEGIN RSA PRIVATE KEY-----\n${value}\n${value}\n-----END RSA PRIVATE KEY-----`;
  expect(found(redact(key, []), value)).toBeUndefined();
});

test.each([1, 7, 100])('a log that comes in pieces of %i bytes, and a file cleaned in place', (size) => {
  const secrets = secretsOf({ ...NAMED, HOME: '/nonexistent' });
  const lines = [...Object.values(NAMED), ...Object.values(TOKENS)].map(
    (one) => `says ${one.replaceAll('\n', ' ')} and`,
  );
  const text = Buffer.from([...lines, ...URLS.map(([url]) => url)].join('\n'));
  const path = join(root, `log-${size}.txt`);
  const writer = new LogWriter(path, secrets);
  for (let at = 0; at < text.length; at += size) writer.push(text.subarray(at, at + size));
  writer.end();
  writeFileSync(`${path}.raw`, text);
  redactFile(`${path}.raw`, secrets);
  for (const file of [path, `${path}.raw`]) {
    const clean = readFileSync(file, 'utf8');
    expect(Buffer.byteLength(clean)).toBe(text.length);
    expect(clean.match(/says .*\*{8}/g)?.length).toBeGreaterThan(70);
    for (const secret of [...Object.values(NAMED), ...Object.values(TOKENS)])
      expect(found(clean, secret)).toBeUndefined();
  }
});

test.each([
  'INFO pad_token=<|endoftext|> eos_token: </s> tokens/s=1234.5',
  'Token indices sequence length is longer than the specified maximum',
  'basic multilingual tokenizer of sk-learn-contrib-and-many-more-words',
  'https://huggingface.example/a/b/resolve/main/model-00001-of-00002.safetensors',
  'git@github.example:a/b.git and ssh://git@github.example/a/b',
  'https://example.org/x:1@2 and mail to someone@example.org',
  'sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  'PWD=/home/user/project key_value_heads=8 keys: 12',
])('%j stays readable', (text) => {
  expect(
    redact(
      text,
      secretsOf({ PWD: '/home/user/project', SSH_AUTH_SOCK: '/', KEYS: 'disabled', HOME: '/nonexistent' }),
    ),
  ).toBe(text);
});

test('a log of eight megabytes is no matter of minutes', () => {
  const secrets = secretsOf({ ...NAMED, HOME: '/nonexistent' });
  const line = '2024-01-01 12:00:00,000 INFO step 1234 loss=2.345 https://a.example/b path/to/file.py:123\n';
  const bytes = Buffer.from(line.repeat(Math.ceil((8 << 20) / line.length)));
  const before = process.cpuUsage();
  expect(redactBytes(bytes, secrets)).toBe(bytes);
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(5e6);
});
