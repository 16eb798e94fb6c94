// `storage.keep`: which weights stay once nothing waits for them.
import type { CellKind } from './cell.js';

export type Keep = 'all' | 'baselines' | 'none';

/** Whether the site lets weights of that maker go by themselves once nothing waits for them. */
export function isEvictable(keep: Keep, maker: CellKind): boolean {
  return keep === 'none' || (keep === 'baselines' && maker !== 'setup');
}
