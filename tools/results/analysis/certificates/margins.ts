// How far a certificate is from each of its thresholds: above 0 on the passing side, below 0 on the failing one.
import type { Gates } from './gates.js';
import type { RawCertificate } from '../../read/schema.js';

/** Null where the certificate has no figures, or the guard did not run. */
export interface Margins {
  /** Threshold − ratio to the baseline's perplexity (no unit): what InvarLock gates on. */
  ratio: number | null;
  /** Threshold − upper end of the ratio's interval. */
  ratioUpper: number | null;
  /** Distance of final ÷ preview perplexity to the nearer end of its band; below 0 outside. */
  drift: number | null;
  /** Spectral caps left before the budget is spent: max_caps − caps_applied (modules). */
  spectralCaps: number | null;
  /** The same as a share of the budget: (max_caps − caps_applied) ÷ max_caps; of no budget, the caps themselves. */
  spectral: number | null;
  /** The family nearest to its limit: smallest (allowed − edge risk) ÷ allowed (fraction of 1). */
  rmt: number | null;
}

export function marginsOf(raw: RawCertificate, threshold: number, gates: Gates): Margins {
  const { ratio_vs_baseline: ratio, display_ci: interval } = raw.primary_metric;
  const caps =
    gates.spectral_stable === 'not_run' || raw.spectral?.evaluated === false
      ? null
      : difference(raw.spectral?.max_caps, raw.spectral?.caps_applied);
  return {
    ratio: difference(threshold, ratio),
    ratioUpper: difference(threshold, interval?.[1]),
    drift: driftMargin(raw),
    spectralCaps: caps,
    spectral: caps === null ? null : caps / Math.max(1, raw.spectral?.max_caps ?? 1),
    rmt: gates.rmt_stable === 'not_run' || raw.rmt?.evaluated === false ? null : rmtMargin(raw),
  };
}

function driftMargin({
  primary_metric: { preview, final, drift_band: band },
}: RawCertificate): number | null {
  if (!isFinite(preview) || !isFinite(final) || preview === 0) return null;
  const drift = final / preview;
  const sides = [difference(drift, band?.min), difference(band?.max, drift)].filter((side) => side !== null);
  return sides.length === 0 ? null : Math.min(...sides);
}

function rmtMargin({ rmt }: RawCertificate): number | null {
  const margins = Object.values(rmt?.families ?? {}).flatMap(({ edge_cur: edge, allowed }) =>
    isFinite(edge) && isFinite(allowed) && allowed > 0 ? [(allowed - edge) / allowed] : [],
  );
  return margins.length === 0 ? null : Math.min(...margins);
}

function difference(from: number | null | undefined, take: number | null | undefined): number | null {
  return isFinite(from) && isFinite(take) ? from - take : null;
}

function isFinite(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
