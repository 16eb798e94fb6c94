// `gpus/gpu_<index>.lock`: one file a GPU with the cell's name, for people and for the day a lease file is lost.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../base/files.js';
import { isId } from './ids.js';
import type { LockDirectory } from './lock-directory.js';

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
    return { index: Number(index), holders: parse(readIfThere(join(directory.gpus, name)) ?? '') };
  });
}

/** Make the files say what is held: written where they differ, removed where nobody holds the GPU. */
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
      rmSync(join(directory.gpus, name), { force: true });
  }
  for (const [index, lines] of wanted) {
    const path = join(directory.gpus, `gpu_${index}.lock`);
    const text = `${lines.sort().join('\n')}\n`;
    if (readIfThere(path) !== text) writeWhole(path, text, 0o600);
  }
}

function parse(text: string): GpuLock['holders'] {
  return text.split('\n').flatMap((line) => {
    const [cell = '', lease = '', uuid = ''] = line.split(' ');
    return isId(lease) ? { cell, lease, uuid } : [];
  });
}
