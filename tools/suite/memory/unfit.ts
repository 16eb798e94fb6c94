// Whether a host could ever run a cell: more memory than it has is told before the run, not after hours of waiting. Pure.
import {
  plannedMemory,
  type Devices,
  type MemoryCell,
  type MemorySettings,
  type ModelProfile,
} from './memory-plan.js';

export interface HostMemory {
  devices: Devices;
  /** What cells may take of the host. */
  ramGiB: number;
}

/** Why the host can never run the cell; undefined when it can. */
export function unfitReason(
  cell: MemoryCell,
  profile: ModelProfile | undefined,
  settings: MemorySettings,
  { devices, ramGiB }: HostMemory,
): string | undefined {
  const planned = plannedMemory(cell, profile, settings, devices);
  if (!planned.fits) return planned.note;
  if (planned.hostRamGiB <= ramGiB) return undefined;
  const wanted = planned.hostRamGiB.toFixed(1);
  return `needs ${wanted} GiB of host memory, and cells may take ${ramGiB.toFixed(1)}`;
}
