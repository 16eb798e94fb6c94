// Copies the files of an entry, each read once: what is read is hashed on its way, and compared with the manifest.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestFile, makeDirectory, NoPlainFile } from '../../base/files.js';
import type { Manifest } from '../records/manifest.js';

const BLOCK_BYTES = 4 * 2 ** 20;

/** Other bytes than the manifest says, also when they are read once more: those of the store. */
export class AlteredFile extends Error {
  constructor(readonly path: string) {
    super(`${path} has other bytes than its manifest says`);
  }
}

/**
 * Never a link to what is copied, and on the disk before it returns: a copy outlives its node's power.
 *
 * @throws AlteredFile; and whatever keeps a file from being read or written.
 */
export async function copyVerified(
  from: string,
  to: string,
  { files }: Pick<Manifest, 'files'>,
  { signal, onBlock }: { signal: AbortSignal; onBlock: () => void },
): Promise<void> {
  for (const { path, sha256 } of files) {
    const source = join(from, path);
    const target = join(to, path);
    makeDirectory(dirname(target));
    if ((await copyHashed(source, target, signal, onBlock)) === sha256) continue;
    if ((await digestFile(source)) !== sha256) throw new AlteredFile(source);
    throw new Error(`${source} was read with other bytes than it has`);
  }
}

async function copyHashed(
  source: string,
  target: string,
  signal: AbortSignal,
  onBlock: () => void,
): Promise<string> {
  // A pipe would keep its reader waiting, and what a link leads to is not the store's.
  if (!lstatSync(source).isFile()) throw new NoPlainFile(`${source} is no regular file`);
  const hash = createHash('sha256');
  await pipeline(
    createReadStream(source, { highWaterMark: BLOCK_BYTES }),
    async function* (blocks: AsyncIterable<Buffer>) {
      for await (const block of blocks) {
        hash.update(block);
        onBlock();
        yield block;
      }
    },
    createWriteStream(target, { flags: 'wx', mode: 0o444, flush: true }),
    { signal },
  );
  return hash.digest('hex');
}
