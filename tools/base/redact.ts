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
/** Longer than any secret: read again with the next window, so that none is cut in two. */
const OVERLAP = 1 << 12;

export const isSecretName = (name: string): boolean => SECRET_NAME.test(name);

/** The secrets a process of this environment could give away, the longest first. */
export function secretsOf(environment: NodeJS.ProcessEnv): string[] {
  const named = Object.entries(environment).flatMap(([name, value]) =>
    isSecretName(name) && value !== undefined && !value.startsWith('/') ? value.trim() : [],
  );
  const found = [...named, ...hubTokens(environment)].filter((value) => value.length >= LEAST_LENGTH);
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
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, '*'.repeat(Buffer.byteLength(secret)));
  return clean.replace(SECRET_FORMS, (found) => '*'.repeat(Buffer.byteLength(found)));
}

let known: string[] | undefined;

/** Those of this process, read once. */
function ownSecrets(): string[] {
  known ??= secretsOf(process.env);
  return known;
}

/**
 * Overwrite secrets in a file, in place: it keeps its length, so a process may append to it meanwhile.
 *
 * @param from byte to begin at; what lies before was seen already.
 * @returns where to begin the next time: shortly before the end, as a secret may have been half written.
 */
export function redactFile(path: string, secrets: readonly string[], from = 0): number {
  const file = openSync(path, 'r+');
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(WINDOW);
    for (let at = from; at < size; at += WINDOW - OVERLAP) {
      const length = readSync(file, buffer, 0, WINDOW, at);
      const window = buffer.subarray(0, length);
      if (![...MARKS, ...secrets].some((mark) => window.includes(mark))) {
        if (length < WINDOW) break;
        continue;
      }
      // One character a byte, whatever the bytes are.
      const text = buffer.toString('latin1', 0, length);
      const clean = redact(text, secrets.map(asLatin1));
      if (clean !== text) writeChanges(file, at, text, clean);
      if (length < WINDOW) break;
    }
    return Math.max(from, size - OVERLAP);
  } finally {
    closeSync(file);
  }
}

const asLatin1 = (secret: string): string => Buffer.from(secret).toString('latin1');

/** Only the bytes that differ are written. */
function writeChanges(file: number, at: number, before: string, after: string): void {
  for (let index = 0; index < before.length; index += 1) {
    if (before[index] === after[index]) continue;
    let end = index + 1;
    while (end < before.length && before[end] !== after[end]) end += 1;
    writeSync(file, Buffer.from(after.slice(index, end), 'latin1'), 0, end - index, at + index);
    index = end;
  }
}
