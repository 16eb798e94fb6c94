// Copies of weights on a node's own disk (storage.staging): a small store of its own, an entry for each manifest's digest.
// Which there are, what room there is for another, and which leave for it.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../base/message.js';
import { GIB, sizeText } from '../../base/units.js';
import { withFileLock } from '../../host/file-lock.js';
import { tryHardLink } from '../../host/hard-links.js';
import { deviceOf, diskBytes, freeDiskBytes } from '../../host/host.js';
import { openPrivateDirectory } from '../../host/private-directory.js';
import type { SiteSettings } from '../../suite/settings/settings.js';
import { evictEntry, removeUnfinished } from './evict-weights.js';
import { addReferences, isReferenced, withReferenceLock } from './store-references.js';

/** Where the copies of this node lie, and how much they may take. */
export interface StagingArea {
  root: string;
  limitBytes: number;
  disk: () => { freeBytes: number; totalBytes: number };
}

type Settings = Pick<SiteSettings, 'storageRoot' | 'storageStaging' | 'storageStagingGiB'>;

/** Undefined where the site has none, or has it on the very disk of the weights store: nothing is gained there. */
export function stagingArea({
  storageRoot,
  storageStaging,
  storageStagingGiB,
}: Settings): StagingArea | undefined {
  if (storageStaging === null || deviceOf(storageStaging) === deviceOf(storageRoot)) return undefined;
  // A directory of each user's own: nobody else may change what was verified once.
  const root = join(storageStaging, `validation-weights-${process.getuid?.() ?? 'user'}`);
  return {
    root,
    limitBytes: storageStagingGiB === 'auto' ? Infinity : storageStagingGiB * GIB,
    disk: () => ({ freeBytes: freeDiskBytes(root), totalBytes: diskBytes(root) }),
  };
}

/** @throws Error when it cannot be made, or is not this user's alone. */
export function openStaging({ root }: StagingArea): void {
  openPrivateDirectory(root, { what: 'staging directory', setting: 'storage.staging' });
}

export interface StagedCopy {
  digest: string;
  bytes: number;
  /** When a cell took it last. */
  usedMs: number;
}

export function stagedCopies(root: string): StagedCopy[] {
  return namesIn(root)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .flatMap((digest) => {
      const path = join(root, digest);
      const stats = statSync(path, { throwIfNoEntry: false });
      return stats === undefined ? [] : [{ digest, bytes: bytesIn(path), usedMs: stats.mtimeMs }];
    });
}

/** Drafts have in their names what they will take. */
const DRAFT = /^\.tmp-[0-9a-f]{64}-(\d+)-/;

/** A share of the disk that stays free for others. */
const FREE_SHARE = 0.1;

export type Reserved = { draft: string; release: () => void } | { refused: string };

/** Who waits for it waits for the removal of some copies at most. */
const ROOM_MS = 600_000;

/**
 * Make room for a copy, and its draft, which counts from now on with all that it will take. Called under the copy's lock.
 *
 * @returns the draft, and what ends this process's reference to the copy; else why there is no room.
 */
export async function reserveCopy(area: StagingArea, digest: string, bytes: number): Promise<Reserved> {
  const reserve = async (): Promise<Reserved> => {
    const { root } = area;
    await removeUnfinished(root);
    const refused = await makeRoom(area, bytes);
    if (refused !== undefined) return { refused };
    const draft = join(root, `.tmp-${digest}-${bytes}-${randomBytes(6).toString('hex')}`);
    mkdirSync(draft);
    const release = await addReferences(root, [digest], () => existsSync(draft));
    return release === undefined ? { refused: `${draft} was removed` } : { draft, release };
  };
  return withFileLock(join(area.root, 'room.lock'), reserve, { timeoutMs: ROOM_MS });
}

/** @returns why there is none; undefined once there is. */
async function makeRoom(area: StagingArea, bytes: number): Promise<string | undefined> {
  const { root } = area;
  for (;;) {
    const copies = stagedCopies(root);
    const idle = await withReferenceLock(root, () =>
      copies.filter(({ digest }) => !isReferenced(root, digest)),
    );
    const roomBytes = roomIn(area, copies);
    const leave = leaving(idle, roomBytes, bytes);
    if (leave === undefined) {
      const most = Math.max(0, roomBytes + sumOf(idle));
      return `no room in ${root}: it takes ${sizeText(bytes)}, and there are ${sizeText(most)} beside copies in use`;
    }
    const [first] = leave;
    if (first === undefined) return undefined;
    await evictEntry(root, first);
  }
}

/** Bytes that a further copy may take as things stand; below 0 where others took the disk. */
function roomIn({ root, limitBytes, disk }: StagingArea, copies: readonly StagedCopy[]): number {
  const drafts = namesIn(root).flatMap((name) => {
    const planned = DRAFT.exec(name)?.[1];
    return planned === undefined ? [] : [{ planned: Number(planned), written: bytesIn(join(root, name)) }];
  });
  const planned = drafts.reduce((sum, one) => sum + one.planned, 0);
  const toCome = drafts.reduce((sum, one) => sum + Math.max(0, one.planned - one.written), 0);
  const { freeBytes, totalBytes } = disk();
  return Math.min(limitBytes - sumOf(copies) - planned, freeBytes - toCome - totalBytes * FREE_SHARE);
}

/** Digests of those that leave, the least recently used first; undefined where that is not enough. Pure. */
export function leaving(
  idle: readonly StagedCopy[],
  roomBytes: number,
  neededBytes: number,
): string[] | undefined {
  const leave: string[] = [];
  let room = roomBytes;
  for (const { digest, bytes } of [...idle].sort((a, b) => a.usedMs - b.usedMs)) {
    if (room >= neededBytes) break;
    leave.push(digest);
    room += bytes;
  }
  return room >= neededBytes ? leave : undefined;
}

/** Remove what no process uses. @returns how many bytes went. */
export async function removeCopies(root: string): Promise<number> {
  let freed = 0;
  for (const { digest, bytes } of stagedCopies(root)) {
    if ((await evictEntry(root, digest)) === 'evicted') freed += bytes;
  }
  await removeUnfinished(root);
  return freed;
}

/** Why nothing can be staged on this host, though the site has a directory for it; undefined where it can. */
export function stagingProblem(settings: Settings): string | undefined {
  if (settings.storageStaging === null) return undefined;
  const area = stagingArea(settings);
  if (area === undefined)
    return `${settings.storageStaging} is on the disk of the weights store: nothing is copied there`;
  try {
    openStaging(area);
    tryHardLink(area.root);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function bytesIn(directory: string): number {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0)
      .reduce((sum, size) => sum + size, 0);
  } catch {
    // It goes just now.
    return 0;
  }
}

export function sumOf(copies: readonly StagedCopy[]): number {
  return copies.reduce((sum, { bytes }) => sum + bytes, 0);
}
