// Asks nvidia-smi, once for all executors of the host; what comes back is judged (host/gpu-answer.ts).
import {
  GPU_FIELDS,
  judgeGpus,
  judgeProcesses,
  LATER_FIELDS,
  PROCESS_FIELDS,
  unknownFields,
  type GpuReadings,
  type LaterField,
  type ProcessReadings,
} from '../../../host/gpu-answer.js';
import { deviceView, runNvidiaSmi, smiFailure, type SmiAnswer } from '../../../host/nvidia-smi.js';
import type { LockDirectory } from '../directory/lock-directory.js';
import { readShared, type Wanted } from './reading-cache.js';

/** @throws NvidiaSmiFailure when it is there and tells of no GPU; undefined where the host has none. */
export function askGpus(directory: LockDirectory, wanted: Wanted): Promise<GpuReadings | undefined> {
  return readShared(directory.readings, `gpus-${deviceView()}`, wanted, (limitMs) => gpusOf(limitMs));
}

/** @throws NvidiaSmiFailure when it does not tell who computes. */
export function askProcesses(directory: LockDirectory, wanted: Wanted): Promise<ProcessReadings | undefined> {
  return readShared(directory.readings, `processes-${deviceView()}`, wanted, async (limitMs) => {
    const answer = await query('compute-apps', PROCESS_FIELDS, limitMs);
    if (answer === undefined) return undefined;
    const judged = judgeProcesses(answer);
    if (!judged.ok) throw smiFailure(judged.error);
    return judged.value;
  });
}

/** An older driver is asked again, without what it does not know. */
async function gpusOf(
  limitMs: number,
  later: readonly LaterField[] = LATER_FIELDS,
): Promise<GpuReadings | undefined> {
  const answer = await query('gpu', [...GPU_FIELDS, ...later], limitMs);
  if (answer === undefined) return undefined;
  const unknown = unknownFields(answer).filter((field) => later.includes(field));
  if (unknown.length > 0) {
    return gpusOf(
      limitMs,
      later.filter((field) => !unknown.includes(field)),
    );
  }
  const judged = judgeGpus(answer, later);
  if (!judged.ok) throw smiFailure(judged.error);
  if (later.includes('compute_cap')) return judged.value;
  const old =
    'this NVIDIA driver is too old to tell what its GPUs can compute; PyTorch needs 525.60.13 or newer';
  return { ...judged.value, notes: [...judged.value.notes, old] };
}

function query(what: string, fields: readonly string[], limitMs: number): Promise<SmiAnswer | undefined> {
  return runNvidiaSmi([`--query-${what}=${fields.join(',')}`, '--format=csv,noheader,nounits'], limitMs);
}
