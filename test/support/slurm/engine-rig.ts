// A workspace whose cells are jobs of a real Slurm cluster on this machine, with a scripted Python and fake GPUs.
import { chmodSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { Rig } from '../rig/workspace.js';
import type { Cluster } from './cluster.js';

/** GPUs as a job on a node of this cluster sees them where devices are confined: those that it was granted. */
export const NVIDIA_SMI = `#!/bin/sh
case "$1" in
*compute-apps*) exit 0 ;;
*driver_version*) echo 550.54; exit 0 ;;
*persistence*) echo Enabled; exit 0 ;;
esac
for gpu in $(echo "$SLURM_JOB_GPUS" | tr , ' '); do
  echo "$gpu, GPU-0000000$gpu-0000-0000-0000-000000000000, 81559, 81079, 9.0, [N/A]"
done
`;

export class EngineRig extends Rig {
  readonly env: Record<string, string>;

  constructor(
    suite: string,
    readonly cluster: Cluster,
  ) {
    super(suite);
    this.write('bin/nvidia-smi', NVIDIA_SMI);
    chmodSync(join(this.root, 'bin/nvidia-smi'), 0o755);
    this.env = {
      SLURM_CONF: cluster.env.SLURM_CONF,
      PATH: [join(this.root, 'bin'), cluster.env.PATH].join(delimiter),
      VALIDATION_ENGINE: 'slurm',
      VALIDATION_SLURM_POLL: '0.5',
    };
  }

  override command(args: string[], env: Record<string, string> = {}) {
    return super.command(args, { ...this.env, ...env });
  }

  /** What runs need to know of the nodes. */
  async probe(): Promise<void> {
    const { output } = await this.nx(['run', 'rig:doctor', '--engine']);
    if (!/ok +pool default/.test(output)) throw new Error(output);
  }

  /** This workspace's jobs in the queue: number, state, name, node. */
  async jobs(): Promise<{ id: string; state: string; cell: string; node: string }[]> {
    const { stdout } = await execa('squeue', ['--noheader', '--format=%i|%T|%N|%Z|%j'], {
      env: this.cluster.env,
    });
    return stdout.split('\n').flatMap((line) => {
      const [id = '', state = '', node = '', directory = '', name = ''] = line.split('|');
      return directory.startsWith(this.root) ? [{ id, state, node, cell: name.split('@')[0] ?? '' }] : [];
    });
  }
}
