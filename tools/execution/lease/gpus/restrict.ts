// Which GPUs of a host are a site's: CUDA_VISIBLE_DEVICES, then GPU_ID_LIST, then NUM_GPUS. Pure.
import type { GpuReading, LostGpu } from '../../../host/gpu-answer.js';
import type { SiteSettings } from '../../../suite/settings/settings.js';

/** Which GPUs of the host are this site's. */
export type PoolSettings = Pick<SiteSettings, 'visibleDevices' | 'gpuIdList' | 'numGpus'>;

/** What Slurm, SGE and NVIDIA's container toolkit write where a job gets no GPU; and CUDA's own end of a list. */
const NONE = /^(nodevfiles|none|void|-1)$/i;

/**
 * GPU_ID_LIST chooses among what CUDA_VISIBLE_DEVICES leaves, NUM_GPUS takes the first of them.
 *
 * @param lost GPUs that nvidia-smi has no figures of: where one is named, it is left out.
 * @throws Error when a named GPU is none, or a name stands for several.
 */
export function restrict(
  gpus: readonly GpuReading[],
  settings: PoolSettings,
  lost: readonly LostGpu[] = [],
): GpuReading[] {
  const { visibleDevices, gpuIdList, numGpus } = settings;
  const within =
    visibleDevices === null
      ? [...gpus]
      : pick({
          gpus,
          lost,
          names: visibleDevices,
          variable: 'CUDA_VISIBLE_DEVICES',
          source: 'nvidia-smi lists',
        });
  const source = visibleDevices === null ? 'nvidia-smi lists' : 'CUDA_VISIBLE_DEVICES leaves';
  const chosen =
    gpuIdList === null
      ? within
      : pick({ gpus: within, lost, names: gpuIdList, variable: 'GPU_ID_LIST', source });
  return numGpus === null ? chosen : chosen.slice(0, numGpus);
}

interface Choice {
  gpus: readonly GpuReading[];
  lost: readonly LostGpu[];
  names: readonly string[];
  variable: string;
  source: string;
}

function pick({ gpus, lost, names, variable, source }: Choice): GpuReading[] {
  const chosen: GpuReading[] = [];
  for (const name of names) {
    // CUDA's own rule: what names no device ends the list, an empty entry too.
    if (name === '' || NONE.test(name)) break;
    if (/^mig-/i.test(name)) throw new Error(`environment variable ${variable}: ${name} ${NO_SLICES}`);
    const found = gpus.filter((gpu) => isNamed(gpu, name));
    const [gpu] = found;
    if (found.length > 1) {
      const uuids = found.map(({ uuid }) => uuid).join(', ');
      throw new Error(`environment variable ${variable}: "${name}" stands for several GPUs: ${uuids}`);
    }
    if (gpu === undefined) {
      const ill = lost.find((one) => isNamed(one, name));
      if (ill?.why === 'mig') throw new Error(`environment variable ${variable}: ${ill.message}`);
      // One that fell off the bus is not always in the list any more.
      if (ill !== undefined || lost.some(({ index, uuid }) => index === undefined && uuid === undefined))
        continue;
      const known = gpus.map(({ index, uuid }) => `${index} (${uuid})`).join(', ') || 'none';
      throw new Error(`environment variable ${variable}: no GPU "${name}"; ${source} ${known}`);
    }
    if (!chosen.includes(gpu)) chosen.push(gpu);
  }
  return chosen;
}

const NO_SLICES =
  'is a slice of a GPU (MIG), and slices are not leased. Turn MIG off (nvidia-smi -mig 0), or set accelerator: cpu in workspace-config/site.yaml.';

function isNamed(
  { index, uuid }: { index: number | undefined; uuid: string | undefined },
  name: string,
): boolean {
  if (index !== undefined && name === String(index)) return true;
  return uuid === name || (name.length > 4 && uuid?.startsWith(name) === true);
}
