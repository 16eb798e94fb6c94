import { describe, expect, it } from 'vitest';
import { judge } from '../../../../tools/results/analysis/certificates/certificate.js';
import type { ComparedWith } from '../../../../tools/results/analysis/certificates/compared-with.js';
import { certificateSchema } from '../../../../tools/results/read/schema.js';
import { certificate, FULL_ORDER } from '../../builders.js';

function spectral(
  extra: Record<string, unknown>,
  order: readonly string[] = FULL_ORDER,
  guards: Record<string, string> = {},
): ComparedWith {
  const raw = certificateSchema.parse(certificate({ extra }));
  return judge(raw, order, 'balanced', guards).comparedWith.spectral;
}

const NOOP = { edit: { plan_digest: 'noop' }, structure: { params_changed: 0 } };

describe('what a guard compared with', () => {
  it('is itself where the run’s own edit changed nothing: the guard was prepared on the edited model', () => {
    expect(spectral(NOOP)).toBe('itself');
    expect(spectral({ edit: { plan_digest: 'baseline_noop' } })).toBe('itself');
    expect(spectral({ ...NOOP, spectral: { summary: { baseline_max_spectral_norm: null } } })).toBe('itself');
  });
  it('is the baseline where the run edited what the guard had been prepared on, or where the record has its norm', () => {
    expect(spectral({ edit: { plan_digest: 'abc' }, structure: { params_changed: 12 } })).toBe('baseline');
    expect(spectral({ ...NOOP, spectral: { summary: { baseline_max_spectral_norm: 3.4 } } })).toBe(
      'baseline',
    );
  });
  it('is nothing where the guard evaluated nothing or broke, and nobody’s where it was not in the order', () => {
    expect(spectral({ ...NOOP, spectral: { evaluated: false } })).toBe('nothing');
    expect(spectral(NOOP, FULL_ORDER, { spectral: 'errored: CUDA' })).toBe('nothing');
    expect(spectral(NOOP, ['invariants', 'rmt'])).toBe('not_run');
  });
  it('is unknown where the certificate does not say', () => {
    expect(spectral({})).toBe('unknown');
  });
});
