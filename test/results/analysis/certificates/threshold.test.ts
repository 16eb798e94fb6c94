// The threshold against certificates that InvarLock 0.3.7 wrote just below and just above its gate (near_gate.py).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { judge, type Judgement } from '../../../../tools/results/analysis/certificates/certificate.js';
import { certificateSchema } from '../../../../tools/results/read/schema.js';
import { certificate, FULL_ORDER } from '../../builders.js';

/** Certified with an acceptance range of .9 to 1.2, as the smoke suite asks. */
function certified(name: string): Judgement {
  const text = readFileSync(join(import.meta.dirname, 'fixtures', `${name}.cert.json`), 'utf8');
  return judge(certificateSchema.parse(JSON.parse(text)), FULL_ORDER, 'balanced', {}, { min: 0.9, max: 1.2 });
}

describe('real certificates near the gate', () => {
  it('passes with a ratio of 1.1995, though the policy it records says 1.1', () => {
    const { gates, pm, threshold, margins, ci } = certified('just-below');
    expect(gates.primary_metric_acceptable).toBe('pass');
    expect(pm.ratio).toBeCloseTo(1.1995, 4);
    expect(threshold).toBeCloseTo(1.202, 12);
    expect(margins.ratio).toBeGreaterThan(0);
    // The upper end of the interval lies above the threshold, and InvarLock does not mind.
    expect(ci?.high).toBeGreaterThan(threshold);
  });

  it('fails with a ratio of 1.2032', () => {
    const { gates, pm, threshold, margins } = certified('just-above');
    expect(gates.primary_metric_acceptable).toBe('fail');
    expect(pm.ratio).toBeCloseTo(1.2032, 4);
    expect(threshold).toBeCloseTo(1.202, 12);
    expect(margins.ratio).toBeLessThan(0);
  });

  it('says of both that their spectral and RMT guards compared the model with itself', () => {
    for (const name of ['just-below', 'just-above']) {
      expect(certified(name).comparedWith).toEqual({
        invariants: 'itself',
        spectral: 'itself',
        rmt: 'itself',
      });
    }
  });
});

describe('the threshold', () => {
  const of = (extra: Record<string, unknown>, max: number | null): number =>
    judge(
      certificateSchema.parse(certificate({ extra })),
      FULL_ORDER,
      'balanced',
      {},
      max === null ? null : { min: 0.9, max },
    ).threshold;

  it('is the tier’s where no range was asked for, lowered by a target of the run', () => {
    expect(of({}, null)).toBeCloseTo(1.102, 12);
    expect(of({ auto: { tier: 'balanced', target_pm_ratio: 2 } }, 1.2)).toBeCloseTo(1.202, 12);
    expect(of({ auto: { tier: 'balanced', target_pm_ratio: 1.05 } }, 1.2)).toBeCloseTo(1.052, 12);
    expect(of({}, 1.04)).toBeCloseTo(1.042, 12);
  });
});
