// InvarLock's minimums: what a run of each tier needs at least, and the check of a suite's windows against it.
import table from '../../invarlock-minimums.json' with { type: 'json' };
import type { Windows } from './windows.js';

export const TIERS = ['conservative', 'balanced', 'aggressive'] as const;
export type Tier = (typeof TIERS)[number];

export interface Minimums {
  preview: number;
  final: number;
  bootstrap: number;
  tokens: number;
}

export function minimumsOf(tier: Tier): Minimums {
  return table.tiers[tier];
}

/** One number below its minimum: which to change, and to what. */
export interface MinimumViolation {
  setting: keyof Windows | 'bootstrap';
  message: string;
}

/** Everything that a `ci` run of this tier would refuse in these windows. */
export function minimumViolations(tier: Tier, windows: Windows, bootstrap: number): MinimumViolation[] {
  const minimums = minimumsOf(tier);
  const found: MinimumViolation[] = [];
  const below = (setting: 'preview' | 'final' | 'bootstrap', value: number): void => {
    if (value >= minimums[setting]) return;
    const message = `${value} is below InvarLock's minimum for tier ${tier}: at least ${minimums[setting]}`;
    found.push({ setting, message });
  };
  below('preview', windows.preview);
  below('final', windows.final);
  below('bootstrap', bootstrap);
  if (table.stride_equals_seq_len && windows.stride !== windows.seq_len) {
    const message = `${windows.stride} differs from seq_len: InvarLock refuses overlapping or spaced windows; use ${windows.seq_len}`;
    found.push({ setting: 'stride', message });
  }
  // Counted with each count at its minimum: tokens are an error of their own only if too few even then.
  const count = Math.max(windows.preview, minimums.preview) + Math.max(windows.final, minimums.final);
  const tokens = count * windows.seq_len;
  const least = Math.ceil(minimums.tokens * (1 - table.token_tolerance));
  if (tokens < least) {
    const message =
      `${count} windows of ${windows.seq_len} tokens are ${tokens} tokens; tier ${tier} asks at least ${least}: ` +
      `raise seq_len to ${Math.ceil(least / count)} or preview + final to ${Math.ceil(least / windows.seq_len)}`;
    found.push({ setting: 'seq_len', message });
  }
  return found;
}
