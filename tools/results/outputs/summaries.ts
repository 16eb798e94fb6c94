// calibration_summary.json, policy_digest_summary.json, determinism_summary.json: a model each, and over all.
import { z } from 'zod';
import type { Analysis } from '../analysis/analyse.js';
import type { CertificateRow } from '../analysis/certificates/rows.js';
import { compare } from '../../base/compare.js';

export const calibrationSummarySchema = z
  .record(
    z.string(),
    z
      .looseObject({})
      .nullable()
      .describe("The model's calibration_stats.json as it is; null while there is none that can be read"),
  )
  .describe(
    'analysis/calibration_summary.json: drift, spectral, RMT and variance of the calibrations, by model.',
  );

export function calibrationSummary(analysis: Analysis): z.infer<typeof calibrationSummarySchema> {
  return Object.fromEntries(analysis.calibrations.map(({ model, stats }) => [model, stats]));
}

export const policyDigestSummarySchema = z
  .record(
    z.string(),
    z.strictObject({
      thresholds_hashes: z.array(z.string()).describe('Distinct hashes of the thresholds, sorted'),
      policy_changed_true: z.int().min(0).describe('Certificates that say their policy changed'),
      total_certs: z.int().min(0).describe('Readable certificates'),
      policy_digests: z.array(z.string()).describe('Distinct digests of the resolved policy, sorted'),
      consistent: z
        .boolean()
        .nullable()
        .describe('One policy for all certificates of the model; null before the first that names one'),
    }),
  )
  .describe('analysis/policy_digest_summary.json: which policies judged the certificates of a model.');

export function policyDigestSummary(analysis: Analysis): z.infer<typeof policyDigestSummarySchema> {
  return byModel(analysis, (rows) => {
    const policies = rows.flatMap(({ judgement }) => judgement?.policy ?? []);
    const digests = distinct(policies.flatMap(({ digest }) => digest ?? []));
    return {
      thresholds_hashes: distinct(policies.flatMap(({ thresholdsHash }) => thresholdsHash ?? [])),
      policy_changed_true: policies.filter(({ changed }) => changed === true).length,
      total_certs: policies.length,
      policy_digests: digests,
      consistent: digests.length === 0 ? null : digests.length === 1,
    };
  });
}

const LEVELS = ['strict', 'tolerance', 'off', 'unknown'] as const;
const levelCounts = z
  .strictObject(Object.fromEntries(LEVELS.map((level) => [level, z.int().min(0)])))
  .describe("Readable certificates by InvarLock's level of determinism");

export const determinismSummarySchema = z
  .strictObject({
    by_model: z.record(z.string(), levelCounts),
    overall: levelCounts,
    repeats: z
      .array(
        z.strictObject({
          name: z.string().describe('`<model>/<variant>`'),
          runs: z.array(z.string()).describe('Runs with equal parameters, at least two'),
          identical: z
            .boolean()
            .nullable()
            .describe('Same gates, ratio and perplexities in all of them; null where one cannot be read'),
          ratio_spread: z
            .number()
            .min(0)
            .nullable()
            .describe('Largest − smallest ratio; null where one is not finite'),
        }),
      )
      .describe('Where a suite repeats certificates (repeat: identical): whether they came out the same'),
  })
  .describe('analysis/determinism_summary.json: levels of determinism, and what repeated runs show of it.');

export function determinismSummary(analysis: Analysis): z.infer<typeof determinismSummarySchema> {
  return {
    by_model: byModel(analysis, countLevels),
    overall: countLevels(analysis.certificates),
    repeats: repeats(analysis.certificates),
  };
}

function countLevels(rows: readonly CertificateRow[]): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(LEVELS.map((level) => [level, 0]));
  for (const { judgement } of rows) {
    if (judgement === null) continue;
    const said = judgement.determinism.level?.toLowerCase() ?? 'unknown';
    const level = LEVELS.find((one) => one === said) ?? 'unknown';
    counts[level] = (counts[level] ?? 0) + 1;
  }
  return counts;
}

function repeats(
  certificates: readonly CertificateRow[],
): z.infer<typeof determinismSummarySchema>['repeats'] {
  const groups = new Map<string, CertificateRow[]>();
  for (const row of certificates) {
    const key = `${row.model}/${row.variant}\0${row.repeats ?? row.run}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups].flatMap(([key, rows]) => {
    if (rows.length < 2) return [];
    const judgements = rows.map(({ judgement }) => judgement);
    const [first] = judgements;
    const ratios = judgements.map((one) => one?.pm.ratio ?? NaN);
    return [
      {
        name: key.split('\0')[0] ?? '',
        runs: rows.map(({ run }) => `run_${run}`),
        identical: judgements.includes(null)
          ? null
          : judgements.every((one) => measures(one) === measures(first ?? null)),
        ratio_spread: ratios.every(Number.isFinite) ? Math.max(...ratios) - Math.min(...ratios) : null,
      },
    ];
  });
}

/** NaN equals NaN here: a model that is broken the same way twice is no sign of chance. */
function measures(judgement: CertificateRow['judgement']): string {
  if (judgement === null) return '';
  const { gates, pm } = judgement;
  return JSON.stringify([gates, [pm.preview, pm.final, pm.ratio].map(String)]);
}

function byModel<T>(analysis: Analysis, summary: (rows: CertificateRow[]) => T): Record<string, T> {
  return Object.fromEntries(
    analysis.models.map((model) => [
      model,
      summary(analysis.certificates.filter((row) => row.model === model)),
    ]),
  );
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort(compare);
}
