// The wait reason of a cell in words, for its own line and for `status`.
import type { WaitReason } from './ledger.js';
import { sizeText } from '../../../base/units.js';

/** A clause such as `needs 2 GPUs of 90 GiB, 1 free`. */
export function waitReasonText(reason: WaitReason, now: number): string {
  switch (reason.what) {
    case 'duplicate':
      return 'another run has this cell';
    case 'backing-off':
      return `tries again in ${Math.max(0, Math.ceil((reason.untilMs - now) / 1_000))} s`;
    case 'disk':
      return `needs ${sizeText(reason.wantedBytes)} of disk, ${sizeText(reason.leftBytes)} left above what stays free`;
    case 'cpu-slots':
      return reason.wanted === 1
        ? 'needs a CPU slot'
        : `needs ${reason.wanted} CPU slots, ${reason.free} free`;
    case 'ram':
      return `needs ${reason.wantedGiB.toFixed(1)} GiB of host memory, ${reason.freeGiB.toFixed(1)} free`;
    case 'gpus': {
      const { wanted, gibPerGpu, free, reservedFor } = reason;
      const kept = reservedFor.length > 0 ? ` (kept for ${reservedFor.join(', ')})` : '';
      return `needs ${wanted} GPU${wanted > 1 ? 's' : ''} of ${gibPerGpu.toFixed(0)} GiB, ${free} free${kept}`;
    }
  }
}
