import { expect, test } from 'vitest';
import { judge } from '../../../../tools/results/analysis/certificates/certificate.js';
import { certificateSchema } from '../../../../tools/results/read/schema.js';
import { certificate, FULL_ORDER } from '../../builders.js';

const margins = (extra: Record<string, unknown>, ratio = 1.04, order = FULL_ORDER) => {
  const raw = certificateSchema.parse(certificate({ ratio, ci: [1.03, 1.06], extra }));
  return judge(raw, order, 'balanced').margins;
};

test('the ratio and the end of its interval against the threshold of 1.102', () => {
  const { ratio, ratioUpper } = margins({});
  expect(ratio).toBeCloseTo(0.062, 12);
  expect(ratioUpper).toBeCloseTo(0.042, 12);
  expect(margins({}, 1.2).ratio).toBeCloseTo(-0.098, 12);
  expect(margins({}, NaN).ratio).toBeNull();
});

test('drift: the nearer end of its band', () => {
  const metric = (final: number) => ({
    primary_metric: {
      ...{ kind: 'ppl_causal', preview: 10, final, ratio_vs_baseline: 1 },
      drift_band: { min: 0.95, max: 1.05 },
    },
  });
  expect(margins(metric(10.2)).drift).toBeCloseTo(0.03, 12);
  expect(margins(metric(9.7)).drift).toBeCloseTo(0.02, 12);
  expect(margins(metric(11)).drift).toBeCloseTo(-0.05, 12);
  expect(margins(metric(NaN)).drift).toBeNull();
});

test('spectral caps left, and the RMT family nearest to its limit', () => {
  const guards = {
    spectral: { evaluated: true, caps_applied: 3, max_caps: 5 },
    rmt: {
      evaluated: true,
      families: {
        attn: { edge_cur: 3, allowed: 4 },
        ffn: { edge_cur: 2.1, allowed: 2 },
        other: { edge_cur: 0, allowed: null },
      },
    },
  };
  expect(margins(guards).spectralCaps).toBe(2);
  expect(margins(guards).rmt).toBeCloseTo(-0.05, 12);
  const none = margins(guards, 1, ['invariants', 'variance', 'invariants']);
  expect([none.spectralCaps, none.rmt]).toEqual([null, null]);
  const unmeasured = margins({ spectral: { ...guards.spectral, evaluated: false } });
  expect(unmeasured.spectralCaps).toBeNull();
});
