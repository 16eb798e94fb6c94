// Why a cell waits, in words: for its own line, and for `status`.
import type { Obstacle } from './ledger.js';
import { GIB } from '../../../base/units.js';

/** A clause such as `needs 2 GPUs of 90 GiB, 1 free`. */
export function obstacleText(obstacle: Obstacle, now: number): string {
  switch (obstacle.what) {
    case 'twin':
      return 'another run has this cell';
    case 'backing-off':
      return `tries again in ${Math.max(0, Math.ceil((obstacle.untilMs - now) / 1_000))} s`;
    case 'disk':
      return `needs ${gib(obstacle.wantedBytes)} GiB of disk, ${gib(obstacle.leftBytes)} GiB left above the floor`;
    case 'cpu-slots':
      return obstacle.wanted === 1
        ? 'needs a CPU slot'
        : `needs ${obstacle.wanted} CPU slots, ${obstacle.free} free`;
    case 'ram':
      return `needs ${obstacle.wantedGiB.toFixed(1)} GiB of host memory, ${obstacle.freeGiB.toFixed(1)} free`;
    case 'gpus': {
      const { wanted, gibPerGpu, free, reservedFor } = obstacle;
      const kept = reservedFor.length > 0 ? ` (kept for ${reservedFor.join(', ')})` : '';
      return `needs ${wanted} GPU${wanted > 1 ? 's' : ''} of ${gibPerGpu.toFixed(0)} GiB, ${free} free${kept}`;
    }
  }
}

const gib = (bytes: number): string => (bytes / GIB).toFixed(1);
