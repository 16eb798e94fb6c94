// Whether what is recorded of flash attention still holds for this host: else the next `python-env` tries again.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../base/canonical.js';
import { PYTHON_LOCK } from '../suite/model/python-sources.js';
import { nvccPath, toolStamp, unwanted } from './flash-host.js';
import { FLASH_REQUIREMENTS, installedFlash, readFlashRecord } from './flash-record.js';

export interface FlashState {
  key: string;
  chances: string;
  nvcc: string | undefined;
  unwanted: string | undefined;
  /** What the record says is so, and nothing new might help. */
  settled: boolean;
}

/** Whether .venv is an environment to install into. */
export function isEnvironment(workspaceRoot: string): boolean {
  return existsSync(environmentFile(workspaceRoot));
}

/** @param architectures of the pool's GPUs, each once, in order. */
export function flashState(workspaceRoot: string, architectures: string[]): FlashState {
  const nvcc = nvccPath(process.env);
  const why = unwanted(workspaceRoot, process.env);
  const places = ['UV_FIND_LINKS', 'UV_INDEX', 'UV_DEFAULT_INDEX'].map((name) => process.env[name] ?? null);
  const key = sha256(
    canonicalJson({
      lock: readFileSync(join(workspaceRoot, PYTHON_LOCK), 'utf8'),
      pinned: readFileSync(join(workspaceRoot, FLASH_REQUIREMENTS), 'utf8'),
      interpreter: readFileSync(environmentFile(workspaceRoot), 'utf8'),
      architectures,
    }),
  );
  const chances = sha256(canonicalJson({ nvcc: toolStamp(nvcc), places, unwanted: why ?? null }));
  const record = readFlashRecord(workspaceRoot);
  const holds = record?.key === key && record.version === (installedFlash(workspaceRoot) ?? null);
  const settled = holds && (record.version !== null || record.chances === chances);
  return { key, chances, nvcc, unwanted: why, settled };
}

function environmentFile(workspaceRoot: string): string {
  return join(workspaceRoot, '.venv', 'pyvenv.cfg');
}
