// What must not be sent: secrets in a text, each with its line and what it looks like, and where the user's home is named.
import { homedir } from 'node:os';
import { isSecretName, secretRanges, type TextRange } from '../../base/text/redact.js';

export interface FoundSecret {
  line: number;
  what: string;
}

/** `NAME=value` as in an environment, a shell or a .env file; quoted or to the next blank. */
const ASSIGNED =
  /(?<![\w.])([A-Z][A-Z0-9_]{2,63})=(?:"([^"\r\n]{6,4096})"|'([^'\r\n]{6,4096})'|([^\s"',;&]{6,4096}))/g;
/** No value of its own: another variable, or stars that stand for one. */
const NO_VALUE = /^\*+$|^[$%{<]|^(true|false|none|null|unset|redacted|disabled|enabled|required|optional)$/i;
const STARS = /^[*\s]*$/;

export function findSecrets(text: string, known?: readonly string[]): FoundSecret[] {
  const lineOf = lineCounter(text);
  return rangesOf(text, known).map(({ from, what }) => ({ line: lineOf(from), what }));
}

/** Stars in their place, as many bytes. */
export function withoutSecrets(text: string, known?: readonly string[]): string {
  let clean = '';
  let done = 0;
  for (const { from, to } of rangesOf(text, known)) {
    if (to <= done) continue;
    const begin = Math.max(from, done);
    clean += text.slice(done, begin) + stars(text.slice(begin, to));
    done = to;
  }
  return clean + text.slice(done);
}

const stars = (secret: string): string =>
  secret.replace(/[^\r\n]+/g, (line) => '*'.repeat(Buffer.byteLength(line)));

/** Sorted; what is only stars already is none. */
function rangesOf(text: string, known?: readonly string[]): TextRange[] {
  const assigned = [...text.matchAll(ASSIGNED)].flatMap(
    ({ index, 0: whole, 1: name = '', 2: a, 3: b, 4: c }) => {
      const value = a ?? b ?? c ?? '';
      if (!isSecretName(name) || NO_VALUE.test(value)) return [];
      const from = index + whole.indexOf(value, name.length + 1);
      return [{ from, to: from + value.length, what: `the value of ${name}` }];
    },
  );
  const sorted = [...secretRanges(text, known), ...assigned]
    .filter(({ from, to }) => !STARS.test(text.slice(from, to)))
    .sort((a, b) => a.from - b.from || b.to - a.to);
  // One secret may have several forms: of those that begin in another, only what goes beyond it is one more.
  let end = 0;
  return sorted.filter(({ to }) => {
    const isBeyond = to > end;
    end = Math.max(end, to);
    return isBeyond;
  });
}

/** Lines of ascending positions, counted once. */
function lineCounter(text: string): (at: number) => number {
  let line = 1;
  let seen = 0;
  return (at) => {
    for (; seen < at; seen += 1) if (text.charCodeAt(seen) === 10) line += 1;
    return line;
  };
}

/** Where the user's home is named; undefined where there is none that would tell a name. */
export function homeForm(home = process.env.HOME ?? homedir()): RegExp | undefined {
  const plain = home.replace(/\/+$/, '');
  if (plain.length < 2) return undefined;
  return new RegExp(`(?<![\\w.-])${plain.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')}(?![\\w.-])`, 'g');
}
