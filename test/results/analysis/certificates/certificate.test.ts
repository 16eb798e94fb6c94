import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { judge, triageOfRuns } from '../../../../tools/results/analysis/certificates/certificate.js';
import { guardsNotRun } from '../../../../tools/results/analysis/certificates/gates.js';
import { ratioThreshold } from '../../../../tools/results/analysis/certificates/threshold.js';
import { parseTolerantJson } from '../../../../tools/results/read/json.js';
import { certificateSchema, type RawCertificate } from '../../../../tools/results/read/schema.js';
import { certificate, type CertificateShape, FULL_ORDER } from '../../builders.js';
import { REPOSITORY } from '../../../support/repository.js';

const raw = (shape: CertificateShape = {}): RawCertificate => certificateSchema.parse(certificate(shape));
const judged = (shape: CertificateShape = {}, order = FULL_ORDER): ReturnType<typeof judge> =>
  judge(raw(shape), order, 'balanced');

function fixture(name: string): ReturnType<typeof judge> {
  const text = readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
  return judge(certificateSchema.parse(parseTolerantJson(text)), FULL_ORDER, 'balanced');
}

describe('certificates InvarLock 0.3.7 wrote', () => {
  test('8-bit quantisation passes', () => {
    const one = fixture('quant-8bit.cert.json');
    expect(one).toMatchObject({
      allPass: true,
      overallPass: true,
      triage: 'PASS',
      reasons: [],
      tier: 'balanced',
    });
    expect(one.gates.guard_overhead_acceptable).toBe('not_evaluated');
    expect(one.threshold).toBeCloseTo(1.102, 12);
  });

  test('a zeroed layer fails its primary metric clearly', () => {
    const one = fixture('zero-layer.cert.json');
    expect(one).toMatchObject({ allPass: false, triage: 'FAIL', confidenceLabel: 'Low', degraded: false });
    expect(one.reasons).toContain('primary_metric_clear');
    expect(one.gates.invariants_pass).toBe('pass');
  });

  test('NaN weights: bare NaN is read, and fails', () => {
    const one = fixture('nan-injection.cert.json.txt');
    expect(one).toMatchObject({ allPass: false, overallPass: false, triage: 'FAIL', degraded: true });
    expect(one.pm.ratio).toBeNaN();
    expect(one.ci?.low).toBeNaN();
  });
});

describe('gates', () => {
  test('all_pass is the first four; drift and evaluated overhead join in overall_pass', () => {
    expect(judged({ flags: { preview_final_drift_acceptable: false } })).toMatchObject({
      ...{ allPass: true, overallPass: false, triage: 'REVIEW' },
    });
    const overhead = { guard_overhead: { evaluated: true } };
    expect(judged({ flags: { guard_overhead_acceptable: false } }).overallPass).toBe(true);
    expect(judged({ flags: { guard_overhead_acceptable: false }, extra: overhead })).toMatchObject({
      ...{ allPass: true, overallPass: false },
    });
  });

  test('a missing flag is neither a pass nor a detection', () => {
    for (const flag of ['invariants_pass', 'primary_metric_acceptable', 'spectral_stable', 'rmt_stable']) {
      expect(judged({ flags: { [flag]: undefined } })).toMatchObject({ allPass: null, triage: 'REVIEW' });
      // … but a gate that does fail stays one.
      const other = flag === 'rmt_stable' ? 'spectral_stable' : 'rmt_stable';
      expect(judged({ flags: { [flag]: undefined, [other]: false } })).toMatchObject({
        ...{ allPass: false, triage: 'FAIL' },
      });
    }
    expect(judged({ flags: { preview_final_drift_acceptable: undefined } })).toMatchObject({
      ...{ allPass: true, overallPass: null, triage: 'REVIEW' },
    });
  });

  test('a guard outside the order is not_run, whatever its flag, and left out', () => {
    const reference = ['invariants', 'variance', 'invariants'];
    const one = judged({ flags: { rmt_stable: false, spectral_stable: undefined } }, reference);
    expect(one.gates).toMatchObject({ rmt_stable: 'not_run', spectral_stable: 'not_run' });
    expect(one).toMatchObject({ allPass: true, triage: 'PASS' });
    expect(guardsNotRun(reference)).toEqual(['spectral', 'rmt']);
  });

  test('a guard in the order that measured nothing says nothing', () => {
    const one = judged({ extra: { rmt: { evaluated: false } } });
    expect(one.gates.rmt_stable).toBe('missing');
    expect(one.allPass).toBeNull();
  });

  test('a flag that is no boolean makes the certificate unreadable', () => {
    const broken = certificate();
    broken.validation = { invariants_pass: 'true' };
    expect(certificateSchema.safeParse(broken).success).toBe(false);
  });
});

describe('threshold', () => {
  test('from the resolved policy, else by tier', () => {
    expect(ratioThreshold(raw(), 'balanced', null)).toBeCloseTo(1.102, 12);
    const none = raw({ extra: { resolved_policy: {} } });
    expect(ratioThreshold(none, 'conservative', null)).toBeCloseTo(1.052, 12);
    expect(ratioThreshold(none, 'balanced', null)).toBeCloseTo(1.102, 12);
    expect(ratioThreshold(none, 'aggressive', null)).toBeCloseTo(1.202, 12);
  });

  test('limits are those of the shared table of minimums', () => {
    const path = join(REPOSITORY, 'tools/invarlock-minimums.json');
    const minimums = JSON.parse(readFileSync(path, 'utf8')) as {
      tiers: Record<string, { ratio_limit: number }>;
      ratio_hysteresis: number;
    };
    for (const [tier, { ratio_limit }] of Object.entries(minimums.tiers)) {
      const none = raw({ extra: { resolved_policy: {} } });
      expect(ratioThreshold(none, tier, null)).toBe(ratio_limit + minimums.ratio_hysteresis);
    }
  });
});

describe('triage', () => {
  const pmFails = { primary_metric_acceptable: false };
  test.each<[string, CertificateShape, string]>([
    ['all well', {}, 'PASS'],
    ['confidence Medium', { label: 'Medium' }, 'REVIEW'],
    ['hysteresis', { flags: { hysteresis_applied: true } }, 'REVIEW'],
    ['spectral fails', { flags: { spectral_stable: false } }, 'FAIL'],
    [
      'metric fails, interval reaches down to the threshold',
      { flags: pmFails, ratio: 1.12, ci: [1.1, 1.14] },
      'REVIEW',
    ],
    ['metric fails, interval above', { flags: pmFails, ratio: 1.12, ci: [1.11, 1.13] }, 'FAIL'],
    ['metric fails, no interval, near', { flags: pmFails, ratio: 1.13, ci: null }, 'REVIEW'],
    ['metric fails, no interval, far', { flags: pmFails, ratio: 1.14, ci: null }, 'FAIL'],
    ['metric fails, too good (lower bound)', { flags: pmFails, ratio: 0.8 }, 'REVIEW'],
    ['metric fails, not a number', { flags: pmFails, ratio: NaN, ci: null }, 'FAIL'],
    ['metric "passes", not a number', { ratio: NaN, ci: null }, 'REVIEW'],
    ['interval above, yet acceptable', { ratio: 1.2 }, 'PASS'],
  ])('%s', (_name, shape, triage) => {
    expect(judged(shape).triage).toBe(triage);
  });

  test('of runs', () => {
    expect(triageOfRuns(['PASS', 'PASS'])).toBe('PASS');
    expect(triageOfRuns(['PASS', 'FAIL', null])).toBe('FAIL');
    expect(triageOfRuns(['PASS', 'REVIEW'])).toBe('REVIEW');
    expect(triageOfRuns(['PASS', null])).toBe('REVIEW');
    expect(triageOfRuns([null])).toBeNull();
    expect(triageOfRuns([])).toBeNull();
  });
});

describe('a guard that broke', () => {
  const all = { invariants: 'ran', spectral: 'ran', rmt: 'ran', variance: 'ran' };

  test('neither passes nor detects, whatever its flag says by default', () => {
    const broken = judge(raw(), FULL_ORDER, 'balanced', { ...all, rmt: 'errored: RuntimeError: boom' });
    expect(broken.gates.rmt_stable).toBe('missing');
    expect(broken).toMatchObject({ allPass: null, triage: 'REVIEW' });
    const failing = certificate({});
    const validation = { ...(failing as { validation: object }).validation, rmt_stable: false };
    const read = certificateSchema.parse({ ...(failing as object), validation });
    expect(
      judge(read, FULL_ORDER, 'balanced', { ...all, rmt: 'not_ready: no layers' }).gates.rmt_stable,
    ).toBe('missing');
    expect(judge(read, FULL_ORDER, 'balanced', all).gates.rmt_stable).toBe('fail');
  });

  test('variance has no gate of its own', () => {
    expect(
      judge(raw(), FULL_ORDER, 'balanced', { ...all, variance: 'not_ready: no target modules' }).allPass,
    ).toBe(true);
  });
});
