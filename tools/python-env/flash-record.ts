// What is known of flash attention in .venv: the version that is installed, or why there is none.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeWhole } from '../base/files.js';

/** Pins its version, and what building and importing it takes. */
export const FLASH_REQUIREMENTS = 'tools/python/flash-attn.txt';

const recordSchema = z.object({
  schema: z.literal(1),
  /** SHA-256 of what an installed one was made for: lock, pinned version, interpreter, GPUs. */
  key: z.string(),
  /** SHA-256 of what may make the next try go better: compiler, other places of wheels, the suites that want it. */
  chances: z.string(),
  version: z.string().nullable(),
  /** Why there is none; empty where there is one. */
  why: z.string(),
});

export type FlashRecord = z.infer<typeof recordSchema>;

/** Also read by validation/compute/numerics.py, which tells it to receipts. */
const flashRecordPath = (workspaceRoot: string): string => join(workspaceRoot, '.venv', 'flash-attn.json');

/** Undefined when nothing was tried, or the file is torn. */
export function readFlashRecord(workspaceRoot: string): FlashRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readIfThere(flashRecordPath(workspaceRoot)) ?? ''));
  } catch {
    return undefined;
  }
}

export function writeFlashRecord(workspaceRoot: string, record: FlashRecord): void {
  writeWhole(flashRecordPath(workspaceRoot), `${JSON.stringify(record, null, 2)}\n`);
}

/** The version in .venv, by what installers leave there, whoever installed it; undefined: none. */
export function installedFlash(workspaceRoot: string): string | undefined {
  const lib = join(workspaceRoot, '.venv', 'lib');
  for (const python of names(lib).filter((name) => /^python3\.\d+$/.test(name))) {
    for (const name of names(join(lib, python, 'site-packages'))) {
      const version = /^flash_attn-(.+)\.dist-info$/.exec(name)?.[1];
      if (version !== undefined) return version;
    }
  }
  return undefined;
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
