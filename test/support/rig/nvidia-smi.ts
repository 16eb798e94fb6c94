// A scripted nvidia-smi for a rig: idle GPUs of one architecture, nobody on them.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Rig } from './workspace.js';

/** @returns the PATH that finds it. */
export function installNvidiaSmi(rig: Rig, uuids: readonly string[], architecture = '9.0'): string {
  const bin = join(rig.root, 'bin');
  mkdirSync(bin);
  const gpus = uuids
    .map((uuid, index) => `${index}, ${uuid}, 81559, 81079, ${architecture}, [N/A]`)
    .join('\\n');
  writeFileSync(
    join(bin, 'nvidia-smi'),
    `#!/bin/sh\ncase "$1" in *compute-apps*) ;; *) printf '${gpus}\\n' ;; esac\n`,
  );
  chmodSync(join(bin, 'nvidia-smi'), 0o755);
  return `${bin}:${process.env.PATH ?? ''}`;
}
