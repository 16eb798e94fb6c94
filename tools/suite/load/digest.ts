// The digest of what a suite.yaml says, by which projects made from an earlier one are told.
import { canonicalJson, sha256 } from '../../base/canonical.js';
import type { JsonValue } from '../../base/json-value.js';

/**
 * Raised whenever the generator makes other projects of the same suite.yaml, so that projects made by an earlier
 * version are made anew before they run.
 */
export const GENERATOR_VERSION = 4;

/** SHA-256 of what a suite.yaml says: comments, blanks and the order of keys do not count. */
export function suiteDigest(value: unknown): string {
  // Parsed YAML may hold what JSON cannot (dates, NaN): JSON's own words for them are enough to tell two texts apart.
  const plain = JSON.parse(JSON.stringify(value ?? null)) as JsonValue;
  return sha256(canonicalJson({ generator: GENERATOR_VERSION, suite: plain }));
}
