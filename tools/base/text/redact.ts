// Keeps secrets out of what is written and shown: hub tokens, passwords in URLs, and whatever the environment names so.
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Names of variables whose values are secrets. */
const SECRET_NAME = /TOKEN(?!IZER)|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL/i;
/** Shorter values would blacken ordinary words. */
const LEAST_LENGTH = 8;
/** Tokens by their form, whoever put them there, and the password of a URL. All ASCII: a character is a byte. */
const SECRET_FORMS =
  /\bhf_[A-Za-z0-9]{20,}|\b(?:ghp|gho|glpat|sk)[-_][A-Za-z0-9_-]{20,}|(?<=:\/\/[^\s/@:]{0,64}:)[^\s/@]{1,256}(?=@)/g;
/** What every such form has in it: looked for first, as floods of output are long. */
const MARKS = ['hf_', 'ghp', 'gho', 'glpat', 'sk-', 'sk_', '://'];
const WINDOW = 1 << 20;
/** Longer than any secret: seen again with what follows, so that none is cut in two. */
export const OVERLAP = 1 << 12;

export const isSecretName = (name: string): boolean => SECRET_NAME.test(name);

/** The secrets a process of this environment could give away, the longest first. */
export function secretsOf(environment: NodeJS.ProcessEnv): string[] {
  const named = Object.entries(environment).flatMap(([name, value]) =>
    isSecretName(name) && value !== undefined && !value.startsWith('/') ? value.trim() : [],
  );
  // Logs are cleaned by the line: of a key of several lines each is a secret.
  const lines = [...named, ...hubTokens(environment)].flatMap((value) => value.split(/[\r\n]+/));
  const found = lines.map((line) => line.trim()).filter((line) => line.length >= LEAST_LENGTH);
  return [...new Set(found)].sort((a, b) => b.length - a.length);
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

/** The text with every secret as stars, byte for byte of the same length. */
export function redact(text: string, secrets: readonly string[] = ownSecrets()): string {
  return withStars(text, secrets, (secret) => Buffer.byteLength(secret));
}

function withStars(text: string, secrets: readonly string[], lengthOf: (secret: string) => number): string {
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, '*'.repeat(lengthOf(secret)));
  return clean.replace(SECRET_FORMS, (found) => '*'.repeat(lengthOf(found)));
}

let known: string[] | undefined;

/** Those of this process, read once. */
function ownSecrets(): string[] {
  known ??= secretsOf(process.env);
  return known;
}

/** The same of bytes, whatever they are; what has no secret in it is returned as it is. */
export function redactBytes(bytes: Buffer, secrets: readonly string[]): Buffer {
  if (![...MARKS, ...secrets].some((mark) => bytes.includes(mark))) return bytes;
  // One character a byte.
  const clean = withStars(bytes.toString('latin1'), secrets.map(asLatin1), ({ length }) => length);
  return Buffer.from(clean, 'latin1');
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
