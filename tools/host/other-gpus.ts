// GPUs of a host that no cell can use, because cells use CUDA: whoever has one is told why cells run on the CPU.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** By PCI vendor. */
const VENDORS: Readonly<Record<string, string>> = { '0x1002': 'AMD', '0x8086': 'Intel' };
/** PCI class of display controllers; boards without one have a chip for the console. */
const GPU_CLASS = /^0x03(02|80)/;

/** A clause; undefined where there is none. @param root of the file system, for tests. */
export function otherGpus(
  root = '/',
  { platform, arch }: Pick<NodeJS.Process, 'platform' | 'arch'> = process,
): string | undefined {
  const vendor = platform === 'darwin' && arch === 'arm64' ? 'Apple' : linuxVendor(root);
  if (vendor === undefined) return undefined;
  return `; this host's ${vendor} GPU is not used, as cells need CUDA (an NVIDIA GPU)`;
}

function linuxVendor(root: string): string | undefined {
  // The device file of ROCm.
  if (existsSync(join(root, 'dev/kfd'))) return 'AMD';
  const devices = join(root, 'sys/bus/pci/devices');
  for (const name of names(devices)) {
    const vendor = VENDORS[text(join(devices, name, 'vendor'))];
    if (vendor !== undefined && GPU_CLASS.test(text(join(devices, name, 'class')))) return vendor;
  }
  return undefined;
}

function names(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
