// Items in two halves, by their hash: judges that read outcomes see one, and are measured against labels of the other.
import { type Half, JUDGES_HALF } from '../../../suite/model/suite.js';
import type { JoinedBenchmark } from './pairs.js';

export { JUDGES_HALF };

export const LABELS_HALF: Half = 'odd';

/** By the last digit of the item's hash, so that an item is in the same half everywhere and always. */
export function halfOf(docHash: string): Half {
  return parseInt(docHash.slice(-1), 16) % 2 === 0 ? 'even' : 'odd';
}

/** Benchmarks without an item in that half are left out. */
export function inHalf(joined: readonly JoinedBenchmark[], half: Half): JoinedBenchmark[] {
  return joined
    .map((one) => ({
      ...one,
      pairs: one.pairs.filter(({ before }) => halfOf(one.before.docHash[before] ?? '') === half),
    }))
    .filter(({ pairs }) => pairs.length > 0);
}
