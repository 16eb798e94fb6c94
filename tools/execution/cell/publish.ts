// Publishes a part: its files move from staging to where all others read them, each by rename.
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CellPart } from '../../suite/model/cell.js';
import { Fault } from '../../base/fault.js';
import { digestFile, makeDirectory } from '../../base/files.js';

/**
 * Publish one part.
 *
 * @returns digest of each published file, by workspace path.
 * @throws Fault when Python ended well but left a result out.
 */
export async function publish(
  workspaceRoot: string,
  part: CellPart,
  staging: string,
): Promise<Record<string, string>> {
  const missing = part.writes.filter(
    ({ file, optional }) => optional !== true && !existsSync(join(staging, file)),
  );
  if (missing.length > 0) {
    throw new Fault(
      'missing_result',
      `${part.name}: Python ended well but left no ${missing.map(({ file }) => file).join(', ')}`,
    );
  }
  // From here on the old receipt would speak of files that are being replaced.
  rmSync(join(workspaceRoot, part.receipt), { force: true });
  const digests: Record<string, string> = {};
  for (const { file, path } of part.writes) {
    const target = join(workspaceRoot, path);
    makeDirectory(dirname(target));
    if (existsSync(join(staging, file))) {
      digests[path] = await digestFile(join(staging, file));
      renameSync(join(staging, file), target);
    } else {
      rmSync(target, { force: true });
    }
  }
  return digests;
}
