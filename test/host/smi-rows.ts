// A row of smi-table.ts as a host: a program nvidia-smi that answers so, and what the real reader makes of it.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLockDirectory } from '../../tools/execution/lease/directory/lock-directory.js';
import { readAll } from '../../tools/execution/lease/gpus/gpu-readings.js';
import { readPoolWithNotes } from '../../tools/execution/lease/gpus/pool.js';
import { NvidiaSmiFailure } from '../../tools/host/nvidia-smi.js';
import type { Said, SmiRow } from './smi-table.js';

export interface Decided {
  expected: SmiRow['expected'];
  told: string;
}

/** Shell that answers as the row says. */
export function scriptOf(row: Pick<SmiRow, 'gpus' | 'processes' | 'old'>): string {
  const unknown = (row.old ?? []).map(
    (field) =>
      `case "$1" in *${field}*) echo 'Field "${field}" is not a valid field to query.'; exit 2 ;; esac`,
  );
  return [
    'case "$1" in *compute-apps*)',
    shell(row.processes ?? {}),
    ';; *)',
    ...unknown,
    shell(row.gpus),
    ';; esac',
  ].join('\n');
}

function shell({ first = '', out = '', err = '', code = 0 }: Said): string {
  const print = (text: string, where: string): string =>
    text === '' ? '' : `cat <<'END_OF_TEXT' ${where}\n${text}\nEND_OF_TEXT\n`;
  return `${first}\n${print(out, '')}${print(err, '>&2')}exit ${code}`;
}

function install(bin: string, row: SmiRow): void {
  const path = join(bin, 'nvidia-smi');
  switch (row.instead) {
    case 'nothing':
      return;
    case 'a directory':
      mkdirSync(path);
      return;
    case 'no interpreter':
      writeFileSync(path, '#!/nowhere/sh\n');
      break;
    case 'no program':
      writeFileSync(path, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 2, 3, 4]));
      break;
    case 'not executable':
    case undefined:
      writeFileSync(path, `#!/bin/sh\n${scriptOf(row)}\n`);
  }
  chmodSync(path, row.instead === 'not executable' ? 0o644 : 0o755);
}

/** The pool of a site and what may be given out of it, as the real reader finds them on such a host. */
export async function decide(row: SmiRow, limitSeconds: number): Promise<Decided> {
  const root = mkdtempSync(join(tmpdir(), 'validation-smi-'));
  const path = process.env.PATH ?? '';
  try {
    install(root, row);
    process.env.PATH = `${root}:${path}`;
    const directory = openLockDirectory(join(root, 'locks'));
    const settings = {
      ...{ accelerator: 'auto', visibleDevices: null, gpuIdList: null, numGpus: null },
      ...{ nvidiaSmiSeconds: limitSeconds, ...row.settings },
    } as Parameters<typeof readPoolWithNotes>[0];
    const { pool, notes } = await readPoolWithNotes(settings, directory);
    if (pool.length === 0) return { expected: {}, told: notes.join('\n') };
    const { gpus, warnings } = await readAll(directory, { maxAgeMs: 0, limitMs: limitSeconds * 1_000 });
    const told = [...notes, ...warnings].join('\n');
    if (gpus.length === 0) return { expected: 'waits', told };
    const uuids = new Set(pool.map(({ uuid }) => uuid));
    const own = gpus.filter(({ uuid }) => uuids.has(uuid));
    const indices = (busy: boolean): number[] =>
      own.filter((gpu) => gpu.busy === busy).map(({ index }) => index);
    return { expected: { idle: indices(false), busy: indices(true) }, told };
  } catch (error) {
    const { message } = error as Error;
    return { expected: error instanceof NvidiaSmiFailure ? 'waits' : 'error', told: message };
  } finally {
    process.env.PATH = path;
    rmSync(root, { recursive: true, force: true });
  }
}
