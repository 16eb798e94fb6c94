// Every analysis and report file a verdict writes: where it lies, what is in it, how it is made.
import type { z } from 'zod';
import { plain } from '../../base/text/plain-text.js';
import type { Findings } from '../analysis/findings.js';
import { junitXml } from './junit.js';
import { summaryMarkdown } from './text/markdown.js';
import { verdictText } from './text/verdict-text.js';
import { correlationJson, correlationSchema } from './correlation.js';
import { evaluationRowSchema, evaluationsCsv } from './tables/eval-results.js';
import { judgesJson, judgesSchema } from './judges.js';
import { judgementRowSchema, judgementsCsv, judgeRowSchema, judgesCsv } from './tables/judges.js';
import { labelRowSchema, labelsCsv } from './tables/labels.js';
import { sensitivityCsv, sensitivityRowSchema } from './tables/guard-matrix.js';
import { certificateRowSchema, certificatesCsv } from './tables/invarlock-results.js';
import { memoryPlanCsv, memoryRowSchema } from './tables/memory-plan.js';
import { json } from './parts.js';
import {
  calibrationSummary,
  calibrationSummarySchema,
  determinismSummary,
  determinismSummarySchema,
  policyDigestSummary,
  policyDigestSummarySchema,
} from './summaries.js';
import { verdictJson, verdictSchema } from './verdict.js';

interface OutputFile {
  /** Below `output/<suite>/`. */
  path: string;
  /** Of the whole file, or of a row of a table; none for text. */
  schema: z.ZodType | null;
  render: (findings: Findings, paths: readonly string[]) => string;
}

export const OUTPUTS = {
  evaluations: {
    path: 'analysis/eval_results.csv',
    schema: evaluationRowSchema,
    render: ({ analysis }) => evaluationsCsv(analysis.evaluations),
  },
  certificates: {
    path: 'analysis/invarlock_results.csv',
    schema: certificateRowSchema,
    render: ({ analysis }) => certificatesCsv(analysis.certificates),
  },
  labels: {
    path: 'analysis/labels.csv',
    schema: labelRowSchema,
    render: ({ analysis }) => labelsCsv(analysis),
  },
  sensitivity: {
    path: 'analysis/guard_sensitivity_matrix.csv',
    schema: sensitivityRowSchema,
    render: ({ analysis }) => sensitivityCsv(analysis.certificates),
  },
  judges: {
    path: 'analysis/judges.csv',
    schema: judgeRowSchema,
    render: judgesCsv,
  },
  judgements: {
    path: 'analysis/judgements.csv',
    schema: judgementRowSchema,
    render: judgementsCsv,
  },
  judgesJson: {
    path: 'analysis/judges.json',
    schema: judgesSchema,
    render: judgesJson,
  },
  calibration: {
    path: 'analysis/calibration_summary.json',
    schema: calibrationSummarySchema,
    render: ({ analysis }) => json(calibrationSummary(analysis)),
  },
  policies: {
    path: 'analysis/policy_digest_summary.json',
    schema: policyDigestSummarySchema,
    render: ({ analysis }) => json(policyDigestSummary(analysis)),
  },
  determinism: {
    path: 'analysis/determinism_summary.json',
    schema: determinismSummarySchema,
    render: ({ analysis }) => json(determinismSummary(analysis)),
  },
  memory: {
    path: 'analysis/memory_plan.csv',
    schema: memoryRowSchema,
    render: ({ memory }) => memoryPlanCsv(memory),
  },
  correlation: {
    path: 'analysis/correlation_analysis.json',
    schema: correlationSchema,
    render: ({ analysis }) => correlationJson(analysis),
  },
  json: {
    path: 'reports/final_verdict.json',
    schema: verdictSchema,
    render: ({ analysis }) => verdictJson(analysis),
  },
  text: {
    path: 'reports/final_verdict.txt',
    schema: null,
    render: ({ analysis }, paths) => plain(verdictText(analysis, paths)),
  },
  markdown: {
    path: 'reports/summary.md',
    schema: null,
    render: (findings) => plain(summaryMarkdown(findings)),
  },
  junit: { path: 'reports/junit.xml', schema: null, render: junitXml },
} as const satisfies Record<string, OutputFile>;

/** Workspace paths of the files of a suite. */
export function outputPaths(suite: string): Record<keyof typeof OUTPUTS, string> {
  return Object.fromEntries(
    Object.entries(OUTPUTS).map(([name, { path }]) => [name, `output/${suite}/${path}`]),
  ) as Record<keyof typeof OUTPUTS, string>;
}
