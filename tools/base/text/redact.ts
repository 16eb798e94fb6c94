// Keeps secrets out of what is written and shown: what the environment names so or holds, however it is spelled, tokens of
// the common providers by their form, and users and passwords of URLs.
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CONTEXT_FORMS, LONGEST_USER, TOKEN_FORMS, URL_USERS } from './secret-forms.js';
import { spellingsOf } from './spellings.js';

/** Names of variables whose values are secrets: a part of the name, or one of its words. */
const SECRET_PART =
  /TOKEN(?!IZER)|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL/i;
const SECRET_WORD =
  /(^|_)(PASS|PWD|PW|PASSCODE|KEYS?|AUTH|AUTHORIZATION|BEARER|COOKIES?|CREDS?|JWT|PAT|DSN|SESSIONID|SIGNATURE|WEBHOOK|NETRC)\d*($|_)/i;
/** The working directory, and keys that are for everybody. */
const NO_SECRET = /^(OLD)?PWD$|(^|_)PUBLIC(_|$)/i;
/** Shorter values would blacken ordinary words; so would these. */
const LEAST_LENGTH = 8;
const WORDS =
  /^(disabled|enabled|required|optional|anonymous|password|username|undefined|keychain|interactive)$/i;
const WINDOW = 1 << 20;
/** Longer than any secret: seen again with what follows, so that none is cut in two. */
export const OVERLAP = 1 << 12;

export const isSecretName = (name: string): boolean =>
  !NO_SECRET.test(name) && (SECRET_PART.test(name) || SECRET_WORD.test(name));

/** The secrets a process of this environment could give away, in every spelling, the longest first. */
export function secretsOf(environment: NodeJS.ProcessEnv): string[] {
  const spelled = plainSecrets(environment).flatMap(spellingsOf);
  return [...new Set(spelled)].sort((a, b) => b.length - a.length);
}

/** As they are, the longest first. */
export function plainSecrets(environment: NodeJS.ProcessEnv): string[] {
  const named = Object.entries(environment).flatMap(([name, value = '']) => [
    // A path to a secret is none, if something is there: one secret in base64 of 64 begins with a slash.
    ...(isSecretName(name) && !(value.startsWith('/') && existsSync(value.trim())) ? [value] : []),
    ...formsIn(value),
  ]);
  // Logs are cleaned by the line: of a key of several lines each is a secret.
  const lines = [...named, ...hubTokens(environment)].flatMap((value) => [value, ...value.split(/[\r\n]+/)]);
  const found = lines
    .map((line) => line.trim())
    .filter((line) => line.length >= LEAST_LENGTH && !WORDS.test(line));
  return [...new Set(found)].sort((a, b) => b.length - a.length);
}

/** Secrets by their form in the value of any variable; passwords of URLs also as they are once decoded. */
function formsIn(value: string): string[] {
  const tokens = value.match(TOKEN_FORMS) ?? [];
  const users = [...value.matchAll(URL_USERS)].flatMap(([, user = '', password = '']) => [
    ...(user.length > LONGEST_USER ? [user] : []),
    password.slice(1),
  ]);
  return [...tokens, ...users.flatMap((one) => [one, decoded(one)])];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What `hf auth login` left: the hub's library sends it though no variable holds it. */
function hubTokens({ HF_TOKEN_PATH, HF_HOME, HOME }: NodeJS.ProcessEnv): string[] {
  const home = HF_HOME ?? join(HOME ?? homedir(), '.cache', 'huggingface');
  return [HF_TOKEN_PATH ?? join(home, 'token')].flatMap((path) => {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      return [];
    }
  });
}

/** The text with every secret as stars, byte for byte of the same length; the ends of its lines stay. */
export function redact(text: string, secrets: readonly string[] = ownSecrets()): string {
  return withStars(text, patternOf(secrets, false), (secret) =>
    secret.replace(/[^\r\n]+/g, (line) => '*'.repeat(Buffer.byteLength(line))),
  );
}

type Stars = (secret: string) => string;
type Range = [from: number, to: number];

/** Twice, where there was one: what stood against a secret may have hidden the beginning of the next. */
function withStars(text: string, known: RegExp | undefined, stars: Stars): string {
  const clean = starred(text, known, stars);
  return clean === text ? text : starred(clean, known, stars);
}

/** All are looked for in the text as it is: what one search covers, another must not lose the rest of. */
function starred(text: string, known: RegExp | undefined, stars: Stars): string {
  let clean = '';
  let done = 0;
  for (const [from, to] of rangesOf(text, known).sort(([one], [other]) => one - other)) {
    if (to <= done) continue;
    const begin = Math.max(from, done);
    clean += text.slice(done, begin) + stars(text.slice(begin, to));
    done = to;
  }
  return done === 0 ? text : clean + text.slice(done);
}

export interface TextRange {
  from: number;
  to: number;
  /** What it looks like. */
  what: string;
}

/** Where a text has secrets, for whoever asks before it is sent. */
export function secretRanges(text: string, secrets: readonly string[] = ownSecrets()): TextRange[] {
  const known = patternOf(secrets, false);
  const inEnvironment = known === undefined ? [] : [...text.matchAll(known)].map(({ index }) => index);
  return rangesOf(text, known).map(([from, to]) => ({
    from,
    to,
    what: inEnvironment.includes(from) ? "a secret of this machine's environment" : looksLike(text, from, to),
  }));
}

function looksLike(text: string, from: number, to: number): string {
  if (text.slice(Math.max(0, from - 100), from).includes('PRIVATE KEY')) return 'a private key';
  if (inUrls(text.slice(Math.max(0, from - 1100, text.lastIndexOf('\n', from)), to + 1)).length > 0)
    return 'a URL with a user or password';
  if (/authorization|bearer|basic|cookie|api-key/i.test(text.slice(Math.max(0, from - 40), from)))
    return 'a header that authorizes';
  return 'a token or password';
}

function rangesOf(text: string, known: RegExp | undefined): Range[] {
  const whole = [known, TOKEN_FORMS].flatMap((form) =>
    form === undefined
      ? []
      : [...text.matchAll(form)].map(({ index, 0: found }): Range => [index, index + found.length]),
  );
  const inContext = CONTEXT_FORMS.flatMap((form) =>
    // The secret ends each of these forms.
    [...text.matchAll(form)].map(({ index, 0: found, groups }): Range => [
      index + found.length - (groups?.secret ?? found).length,
      index + found.length,
    ]),
  );
  return [...whole, ...inContext, ...(text.includes('://') ? inUrls(text) : [])];
}

function inUrls(text: string): Range[] {
  return [...text.matchAll(URL_USERS)].flatMap(({ index, 1: user = '', 2: password }): Range[] => {
    const begin = index + '://'.length;
    const end = begin + user.length;
    return [
      ...(user.length > LONGEST_USER ? [[begin, end] as Range] : []),
      ...(password === undefined ? [] : [[end + 1, end + password.length] as Range]),
    ];
  });
}

/** One search for all of them, made once for each list. */
const patterns = new WeakMap<readonly string[], { text?: RegExp; latin1?: RegExp }>();

function patternOf(secrets: readonly string[], latin1: boolean): RegExp | undefined {
  if (secrets.length === 0) return undefined;
  const made = patterns.get(secrets) ?? {};
  patterns.set(secrets, made);
  const key = latin1 ? 'latin1' : 'text';
  return (made[key] ??= new RegExp(
    secrets.map((one) => escaped(latin1 ? asLatin1(one) : one)).join('|'),
    'g',
  ));
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

let known: string[] | undefined;

/** Those of this process, read once. */
function ownSecrets(): string[] {
  known ??= secretsOf(process.env);
  return known;
}

/** The same of bytes, whatever they are; what has no secret in it is returned as it is. */
export function redactBytes(bytes: Buffer, secrets: readonly string[]): Buffer {
  // One character a byte.
  const text = bytes.toString('latin1');
  const clean = withStars(text, patternOf(secrets, true), (secret) => secret.replace(/[^\r\n]/g, '*'));
  return clean === text ? bytes : Buffer.from(clean, 'latin1');
}

/** Overwrite secrets in a file, in place: it keeps its length. */
export function redactFile(path: string, secrets: readonly string[]): void {
  const file = openSync(path, 'r+');
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(WINDOW);
    for (let at = 0; at < size; at += WINDOW - OVERLAP) {
      const window = buffer.subarray(0, readSync(file, buffer, 0, WINDOW, at));
      const clean = redactBytes(window, secrets);
      if (clean !== window) writeSync(file, clean, 0, clean.length, at);
    }
  } finally {
    closeSync(file);
  }
}

const asLatin1 = (secret: string): string => Buffer.from(secret).toString('latin1');
