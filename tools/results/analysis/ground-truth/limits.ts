// What a finding needs: limits of the three rates, and how many edits must have a label before any of it is said.

export const LIMITS = { sensitivity: 0.6, specificity: 0.6, errorDetection: 0.8 } as const;
export type RateName = keyof typeof LIMITS;
export const RATES = Object.keys(LIMITS) as RateName[];

export const RATE_NAMES: Record<RateName, string> = {
  sensitivity: 'harmful edits flagged',
  specificity: 'harmless edits left alone',
  errorDetection: 'harmful errors flagged',
};

/** Share of the edits that need a label other than undecided, and a judgement. */
export const LEAST_COVERAGE = 0.8;
/** Of harmful and of harmless edits. */
export const LEAST_EDITS = 5;

export interface Coverage {
  /** Edits with a label other than undecided and a judgement: those in the rates. */
  decided: number;
  /** All planned edits. */
  of: number;
  undecided: number;
  /** Without outcomes. */
  unlabelled: number;
  /** With a label, and no judgement. */
  unjudged: number;
}
