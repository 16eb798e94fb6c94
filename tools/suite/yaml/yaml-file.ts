// The text of a YAML file that a person wrote, or what lies in its place: a directory, a pipe, a device, no text.
import { NoPlainFile, readRegular } from '../../base/files.js';
import { fail, ok, type Result } from '../../base/result.js';

/** A suite of thirty models has some 20 KB. */
const MOST_BYTES = 4 << 20;

export type YamlFileProblem =
  | { reason: 'gone' }
  /** The end of a sentence about the file. */
  | { reason: 'unreadable'; message: string };

/** Never throws for what lies at the path. */
export function readYamlFile(path: string): Result<string, YamlFileProblem> {
  try {
    return decode(readRegular(path, MOST_BYTES));
  } catch (error) {
    if (error instanceof NoPlainFile) return unreadable(error.message);
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return fail({ reason: 'gone' });
    if (code === undefined) throw error;
    return unreadable(`cannot be read (${MEANINGS[code] ?? code})`);
  }
}

const MEANINGS: Partial<Record<string, string>> = {
  EACCES: 'this user may not: EACCES',
  ELOOP: 'links that lead to each other: ELOOP',
  EIO: 'the disk fails: EIO',
  ENXIO: 'nobody listens at this socket: ENXIO',
};

function decode(bytes: Buffer): Result<string, YamlFileProblem> {
  try {
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return unreadable('is no text in UTF-8');
  }
}

function unreadable(message: string): { ok: false; error: YamlFileProblem } {
  return fail({ reason: 'unreadable', message });
}
