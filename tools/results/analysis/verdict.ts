// The rules by which accuracy and error detection become a verdict. Formulas: docs/formulas.md#phase0-verdict.

export type Phase0 = 'PHASE0_VALIDATED' | 'PHASE0_FAILED';
/** Unlike the score's level it has no VERY_LOW. */
export type VerdictConfidence = 'HIGH' | 'MEDIUM' | 'LOW';

export interface Phase0Verdict {
  verdict: Phase0;
  confidence: VerdictConfidence;
  /** What was required and not met; empty when validated. */
  unmet: string[];
}

const MIN_ACCURACY = 0.6;
const MIN_ERROR_DETECTION = 0.8;

/**
 * Pass: accuracy ≥ 0.60 and error detection ≥ 0.80 (fractions of 1); what was not measured is not met.
 * Validated: HIGH when accuracy ≥ 0.80 and score ≥ 75, MEDIUM when score ≥ 60, else LOW.
 * Failed: HIGH when score ≥ 60, else LOW.
 */
export function decide(of: {
  accuracy: number | null;
  errorDetection: number | null;
  /** Whether the suite injects errors at all. */
  injects?: boolean;
  /** 0 to 100. */
  score: number;
}): Phase0Verdict {
  const unjudged = of.injects === false ? 'the suite injects no errors' : 'no error could be judged';
  const unmet = [
    ...requirement('accuracy', 'no edit could be judged', of.accuracy, MIN_ACCURACY),
    ...requirement('error detection', unjudged, of.errorDetection, MIN_ERROR_DETECTION),
  ];
  if (unmet.length > 0) {
    return { verdict: 'PHASE0_FAILED', confidence: of.score >= 60 ? 'HIGH' : 'LOW', unmet };
  }
  const high = (of.accuracy ?? 0) >= 0.8 && of.score >= 75;
  const confidence = high ? 'HIGH' : of.score >= 60 ? 'MEDIUM' : 'LOW';
  return { verdict: 'PHASE0_VALIDATED', confidence, unmet };
}

function requirement(name: string, unmeasured: string, value: number | null, least: number): string[] {
  if (value === null) return [`${name} is required, and ${unmeasured}`];
  if (value >= least) return [];
  return [`${name} is ${(100 * value).toFixed(1)} %, at least ${(100 * least).toFixed(0)} % is required`];
}
