// `storage.keep`: which weights stay once nothing waits for them.
import type { CellKind } from './cell.js';

export type Keep = 'all' | 'baselines' | 'none';

/**
 * Whether the site lets weights of that maker go by themselves once nothing waits for them. A suite's data never do: they
 * are small, and the hub may not have them any more.
 */
export function isEvictable(keep: Keep, maker: CellKind): boolean {
  return maker !== 'data' && (keep === 'none' || (keep === 'baselines' && maker !== 'setup'));
}
