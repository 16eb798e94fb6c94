// What is in a file or a directory, whichever lies at a path: its digest, and a quick look whether it may have changed.
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { sha256 } from './canonical.js';
import { digestFile, isByProduct } from './files.js';

/** Digest of a file, or of the names and contents of those in a directory, links followed. */
export async function digestContent(path: string): Promise<string> {
  if (!statSync(path).isDirectory()) return digestFile(path);
  const lines: string[] = [];
  for (const file of filesIn(path)) lines.push(`${relative(path, file)}\t${await digestFile(file)}`);
  return sha256(lines.join('\n'));
}

/** Digest of names, sizes and times of the same files. */
export function digestStamps(path: string): string {
  const files = statSync(path).isDirectory() ? filesIn(path) : [path];
  return sha256(
    files
      .map((file) => {
        const { size, mtimeMs } = statSync(file);
        return `${relative(path, file)}\t${size}\t${mtimeMs}`;
      })
      .join('\n'),
  );
}

/** Sorted; without what programs leave beside what people write. */
function filesIn(root: string): string[] {
  const found: string[] = [];
  const look = (directory: string, above: readonly string[]): void => {
    const real = realpathSync(directory);
    if (above.includes(real)) throw new Error(`${directory} leads back to itself`);
    for (const name of readdirSync(directory)) {
      if (isByProduct(name)) continue;
      const path = join(directory, name);
      const stats = statSync(path);
      if (stats.isDirectory()) look(path, [...above, real]);
      else if (stats.isFile()) found.push(path);
    }
  };
  look(root, []);
  return found.sort();
}
