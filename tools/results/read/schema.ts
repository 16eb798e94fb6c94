// The files a verdict reads, as zod schemas: strict in what they use, silent about the rest.
import { z } from 'zod';

// z.number() refuses NaN and infinities; a certificate of a broken model holds them.
const anyNumber = z.custom<number>((value) => typeof value === 'number', 'expected a number');
const flag = z.boolean().nullish();
const interval = z.tuple([anyNumber, anyNumber]).nullish();

/** evaluation.cert.json of InvarLock 0.3.7: the keys read here; the others are let pass. */
export const certificateSchema = z.looseObject({
  validation: z.looseObject({
    invariants_pass: flag,
    primary_metric_acceptable: flag,
    spectral_stable: flag,
    rmt_stable: flag,
    preview_final_drift_acceptable: flag,
    guard_overhead_acceptable: flag,
    hysteresis_applied: flag,
  }),
  primary_metric: z.looseObject({
    kind: z.string(),
    preview: anyNumber.nullish(),
    final: anyNumber.nullish(),
    ratio_vs_baseline: anyNumber.nullish(),
    display_ci: interval,
    drift_band: z.looseObject({ min: anyNumber.nullish(), max: anyNumber.nullish() }).nullish(),
    invalid: flag,
    degraded: flag,
  }),
  confidence: z.looseObject({ label: z.string().nullish() }).nullish(),
  auto: z
    .looseObject({
      tier: z.string().nullish(),
      policy_digest: z.string().nullish(),
      target_pm_ratio: anyNumber.nullish(),
    })
    .nullish(),
  /** What the run itself did to the model it loaded: of a checkpoint edited before, nothing. */
  edit: z.looseObject({ plan_digest: z.string().nullish() }).nullish(),
  structure: z.looseObject({ params_changed: anyNumber.nullish() }).nullish(),
  spectral: z
    .looseObject({
      evaluated: flag,
      caps_applied: anyNumber.nullish(),
      max_caps: anyNumber.nullish(),
      summary: z.looseObject({ baseline_max_spectral_norm: anyNumber.nullish() }).nullish(),
    })
    .nullish(),
  rmt: z
    .looseObject({
      evaluated: flag,
      families: z
        .record(z.string(), z.looseObject({ edge_cur: anyNumber.nullish(), allowed: anyNumber.nullish() }))
        .nullish(),
    })
    .nullish(),
  meta: z
    .looseObject({
      determinism: z.looseObject({ requested: z.string().nullish(), level: z.string().nullish() }).nullish(),
    })
    .nullish(),
  policy_digest: z.looseObject({ thresholds_hash: z.string().nullish(), changed: flag }).nullish(),
  guard_overhead: z.looseObject({ evaluated: flag }).nullish(),
  resolved_policy: z
    .looseObject({
      metrics: z
        .looseObject({
          pm_ratio: z
            .looseObject({ ratio_limit_base: z.number().nullish(), hysteresis_ratio: z.number().nullish() })
            .nullish(),
        })
        .nullish(),
    })
    .nullish(),
});
export type RawCertificate = z.infer<typeof certificateSchema>;

/** outcome.json of a certify cell. */
export const outcomeSchema = z.looseObject({
  schema: z.literal(1),
  status: z.enum(['certified', 'refused']),
  exit_code: z.number().int(),
  reason: z.string().nullable(),
  /** What became of each guard of the order: `ran`, `errored: …`, `not_ready: …`. InvarLock's flags do not tell. */
  guards: z.record(z.string(), z.string()).default({}),
  /** What InvarLock loaded a broken subject without, and gave random numbers. */
  made_up: z.array(z.string()).default([]),
});
export type Outcome = z.infer<typeof outcomeSchema>;

const benchmarkSchema = z.looseObject({
  task: z.string(),
  metric: z.string(),
  /** Fraction of 1. */
  accuracy: z.number().min(0).max(1),
  /** lm-eval says "N/A" where it has none. */
  stderr: z.union([anyNumber, z.string()]).nullish(),
  n: z.number().int().positive(),
});
export type BenchmarkResult = z.infer<typeof benchmarkSchema>;

/** results.json of an eval cell: lm-eval's dictionary plus `benchmarks`. */
export const evaluationSchema = z.looseObject({
  benchmarks: z.record(z.string(), benchmarkSchema),
  /** Why a model whose structure was broken on purpose cannot be loaded; it then has no benchmarks. */
  cannot_be_loaded: z.string().nullish(),
});
export type EvaluationFile = z.infer<typeof evaluationSchema>;

/** What a verdict needs of a receipt: that it is one. Its figures are read apart (records.ts): none is a verdict's. */
export const receiptSchema = z.looseObject({ schema: z.number(), fingerprint: z.string().min(1) });
export type ReceiptFile = z.infer<typeof receiptSchema>;

/** calibration_stats.json of a preset cell. */
export const calibrationStatsSchema = z.looseObject({ drift: z.looseObject({}).optional() });
export type CalibrationStats = z.infer<typeof calibrationStatsSchema>;

/** No finite number: JSON has no word for it. */
const notFinite = z.enum(['nan', 'inf']).transform(() => Infinity);

/** edit_metadata.json or error_metadata.json of what made a variant. */
export const makingSchema = z.looseObject({
  totals: z.looseObject({ relative_error: z.union([z.number().min(0), notFinite]).nullish() }).nullish(),
});

const byName = z.record(z.string(), anyNumber);

/** guards.json of a `guards` cell: spectral and RMT, prepared on the true baseline. */
export const guardsSchema = z.looseObject({
  schema: z.literal(1),
  guards: z.looseObject({
    spectral: z.looseObject({
      fate: z.string(),
      passed: z.boolean(),
      measures: z.looseObject({
        max_caps: anyNumber.default(0),
        sigma_quantile: anyNumber.nullish(),
        family_caps: z.record(z.string(), z.looseObject({ kappa: anyNumber.nullish() })).default({}),
        z_scores: byName.default({}),
        families: z.record(z.string(), z.string()).default({}),
      }),
    }),
    rmt: z.looseObject({
      fate: z.string(),
      passed: z.boolean(),
      measures: z.looseObject({
        edge_risk_by_family_base: byName.default({}),
        edge_risk_by_family: byName.default({}),
        epsilon_by_family: byName.default({}),
      }),
    }),
  }),
});
export type GuardsFile = z.infer<typeof guardsSchema>;

/** evaluation.report.json of InvarLock 0.17: the keys read here; the others are let pass. */
export const comparisonSchema = z.looseObject({
  format: z.literal('invarlock/multi-metric-comparison-v1'),
  decision: z.enum(['pass', 'regression', 'insufficient_evidence']),
  metrics: z
    .array(
      z.looseObject({
        count: z.number().int(),
        delta: anyNumber.nullish(),
        interval: z.looseObject({ lower: anyNumber, upper: anyNumber }).nullish(),
        reasons: z.array(z.string()).default([]),
      }),
    )
    .length(1),
});
export type ComparisonFile = z.infer<typeof comparisonSchema>;

/** outcome.json of a `certify012` cell: what InvarLock 0.12 says in its report, or that it refused the model. */
export const outcome012Schema = z
  .looseObject({
    schema: z.literal(1),
    status: z.enum(['certified', 'refused']),
    reason: z.string().nullable(),
    guards: z.record(z.string(), z.string()),
    /** InvarLock's own word over all its gates; null of a model that it refused. */
    verdict: z.enum(['PASS', 'FAIL']).nullable(),
    failed: z.array(z.string()),
    /** Of perplexities; null where it is no finite number. */
    ratio: z.number().nullable(),
    limit: z.number().nullable(),
  })
  .refine(
    ({ status, verdict }) => (status === 'certified') === (verdict !== null),
    'a verdict where certified, and only there',
  );
export type Outcome012 = z.infer<typeof outcome012Schema>;

/** `validation.rmt_stable: expected boolean, received string`, all issues in one line. */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.join('.') || '(whole file)'}: ${issue.message}`)
    .join('; ');
}
