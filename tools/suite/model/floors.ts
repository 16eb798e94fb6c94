// What InvarLock refuses: the floors of each tier, and the check of a suite's windows against them.
import table from '../../invarlock-floors.json' with { type: 'json' };
import type { Windows } from './size-classes.js';

export const TIERS = ['conservative', 'balanced', 'aggressive'] as const;
export type Tier = (typeof TIERS)[number];

export interface Floors {
  preview: number;
  final: number;
  bootstrap: number;
  tokens: number;
}

export function floorsOf(tier: Tier): Floors {
  return table.tiers[tier];
}

/** One number below its floor: which to change, and to what. */
export interface FloorViolation {
  setting: keyof Windows | 'bootstrap';
  message: string;
}

/** Everything that a `ci` run of this tier would refuse in these windows. */
export function floorViolations(tier: Tier, windows: Windows, bootstrap: number): FloorViolation[] {
  const floors = floorsOf(tier);
  const found: FloorViolation[] = [];
  const below = (setting: 'preview' | 'final' | 'bootstrap', value: number): void => {
    if (value >= floors[setting]) return;
    const message = `${value} is below InvarLock's floor for tier ${tier}: at least ${floors[setting]}`;
    found.push({ setting, message });
  };
  below('preview', windows.preview);
  below('final', windows.final);
  below('bootstrap', bootstrap);
  if (table.stride_equals_seq_len && windows.stride !== windows.seq_len) {
    const message = `${windows.stride} differs from seq_len: InvarLock refuses overlapping or spaced windows; use ${windows.seq_len}`;
    found.push({ setting: 'stride', message });
  }
  // Once each count is at its floor: tokens are a mistake of their own only if too few even then.
  const count = Math.max(windows.preview, floors.preview) + Math.max(windows.final, floors.final);
  const tokens = count * windows.seq_len;
  const least = Math.ceil(floors.tokens * (1 - table.token_tolerance));
  if (tokens < least) {
    const message =
      `${count} windows of ${windows.seq_len} tokens are ${tokens} tokens; tier ${tier} asks at least ${least}: ` +
      `raise seq_len to ${Math.ceil(least / count)} or preview + final to ${Math.ceil(least / windows.seq_len)}`;
    found.push({ setting: 'seq_len', message });
  }
  return found;
}
