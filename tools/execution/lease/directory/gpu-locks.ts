// `gpus/gpu_<index>.lock`, one file a GPU with the names of its cells: for people, and for when a lease file is lost.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isId } from './ids.js';
import type { LockDirectory } from './lock-directory.js';
import { readPlain, writePlain } from '../../../host/plain-file.js';

export interface GpuLock {
  index: number;
  /** A line a lease; several share a GPU only under `memory` sharing. */
  holders: { cell: string; lease: string; uuid: string }[];
}

const NAME = /^gpu_(\d+)\.lock$/;

export function readGpuLocks(directory: LockDirectory): GpuLock[] {
  return readdirSync(directory.gpus).flatMap((name) => {
    const index = NAME.exec(name)?.[1];
    if (index === undefined) return [];
    return { index: Number(index), holders: parse(read(join(directory.gpus, name)) ?? '') };
  });
}

/** Make the files say what is held: written where they differ, removed where nobody holds the GPU, whatever lies there. */
export function writeGpuLocks(
  directory: LockDirectory,
  leases: readonly { id: string; cell: string; gpus: readonly string[]; gpuIndices: readonly number[] }[],
): void {
  const wanted = new Map<number, string[]>();
  for (const { id, cell, gpus, gpuIndices } of leases) {
    for (const [at, index] of gpuIndices.entries()) {
      wanted.set(index, [...(wanted.get(index) ?? []), `${cell} ${id} ${gpus[at] ?? ''}`]);
    }
  }
  for (const name of readdirSync(directory.gpus)) {
    const index = NAME.exec(name)?.[1];
    if (index !== undefined && !wanted.has(Number(index)))
      rmSync(join(directory.gpus, name), { force: true, recursive: true });
  }
  for (const [index, lines] of wanted) {
    const path = join(directory.gpus, `gpu_${index}.lock`);
    const text = textOf(lines);
    if (read(path) === text) continue;
    writePlain(path, text);
  }
}

/** Take one lease out of the files: it is given back, and nothing there may tell of it as lost. */
export function removeFromGpuLocks(directory: LockDirectory, lease: string): void {
  for (const { index, holders } of readGpuLocks(directory)) {
    if (!holders.some((holder) => holder.lease === lease)) continue;
    const left = holders.filter((holder) => holder.lease !== lease);
    const path = join(directory.gpus, `gpu_${index}.lock`);
    if (left.length === 0) rmSync(path, { force: true });
    else writePlain(path, textOf(left.map(({ cell, lease: id, uuid }) => `${cell} ${id} ${uuid}`)));
  }
}

function textOf(lines: string[]): string {
  return `${lines.sort().join('\n')}\n`;
}

function read(path: string): string | undefined {
  const found = readPlain(path);
  return found.ok ? found.value : undefined;
}

function parse(text: string): GpuLock['holders'] {
  return text.split('\n').flatMap((line) => {
    const words = line.split(' ');
    const [lease = '', uuid = ''] = words.slice(-2);
    return isId(lease) ? { cell: words.slice(0, -2).join(' '), lease, uuid } : [];
  });
}
