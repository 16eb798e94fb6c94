// What InvarLock adds beyond a threshold: its judgements beside those of the perplexity ratio at the limit of its own tier.
import type { CertificateRow } from '../certificates/rows.js';
import { TIER_LIMITS } from '../certificates/threshold.js';
import { perplexity, perplexityName } from '../judges/perplexity.js';
import type { Paired } from './paired.js';
import { besideInvarlock, type Measured } from './results.js';

export interface Beyond extends Paired {
  /** Ratio above which the threshold flags. */
  limit: number;
  /** Name of the judge that does. */
  threshold: string;
}

/** Balanced is the tier of whoever names none. */
const USUAL_LIMIT = 1.1;

export function beyondThreshold(
  variants: readonly Measured[],
  certificates: readonly CertificateRow[],
): Beyond {
  const tiers = new Set(certificates.flatMap(({ judgement }) => judgement?.tier ?? []));
  const [tier] = tiers.size === 1 ? tiers : [];
  const limit = TIER_LIMITS[tier ?? ''] ?? USUAL_LIMIT;
  const name = perplexityName(limit);
  const judge = perplexity.find((one) => one.name === name);
  if (judge === undefined) throw new Error(`no judge has the limit ${limit}`);
  return { limit, threshold: name, ...besideInvarlock(judge, variants) };
}
