// The threshold of the perplexity ratio as InvarLock applied it to a certificate.
import type { RawCertificate } from '../../read/schema.js';

/** The range of acceptable ratios a certificate was asked for; InvarLock's certificate does not repeat it. */
export interface Acceptance {
  min: number;
  max: number;
}

export const TIER_LIMITS: Readonly<Record<string, number>> = {
  conservative: 1.05,
  balanced: 1.1,
  aggressive: 1.2,
};
const HYSTERESIS = 0.002;

/**
 * Above it the ratio fails (ratio of perplexities, no unit). The upper end of the acceptance range takes the place of the
 * tier's limit; a target of the run lowers either; the tier's hysteresis is added at last. InvarLock 0.3.7 holds the ratio
 * itself against it, not the end of its interval, and enforces no lower bound: the last word of its
 * `_compute_validation_flags` for perplexity.
 */
export function ratioThreshold(raw: RawCertificate, tier: string, acceptance: Acceptance | null): number {
  const policy = raw.resolved_policy?.metrics?.pm_ratio;
  const limit = acceptance?.max ?? policy?.ratio_limit_base ?? TIER_LIMITS[tier] ?? 1.1;
  const target = raw.auto?.target_pm_ratio ?? Infinity;
  // A policy that names no limit is that of no release we know; its hysteresis is then the tiers'.
  const hysteresis = policy?.hysteresis_ratio ?? (policy?.ratio_limit_base == null ? HYSTERESIS : 0);
  return (target > 0 ? Math.min(limit, target) : limit) + Math.max(0, hysteresis);
}
