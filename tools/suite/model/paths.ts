// Where a suite lies and where its results go, workspace-relative: the tree that the original script writes.

const OUTPUT = 'output';
export const SUITES = 'suites';

export function suiteDirectory(suite: string): string {
  return `${SUITES}/${suite}`;
}

export function suiteFile(suite: string): string {
  return `${suiteDirectory(suite)}/suite.yaml`;
}

export interface ModelPaths {
  /** Weights are links into the store; manifest, profile and receipt lie beside them. */
  baseline: string;
  /** `<model>/models/<variant>`: link, with the suffixes of beside() for its files. */
  weights(variant: string): string;
  calibration(run: number): string;
  calibrationStats: string;
  preset: string;
  presetReceipt: string;
  /** Accuracies, and how each item was answered. */
  evaluation(name: string): { results: string; outcomes: string; receipt: string };
  /** InvarLock's report on the unedited model, which certificates of that run share. */
  baselineReport(run: number): string;
  certificate(edit: string, run: number): string;
  errorCertificate(type: string): string;
  nullCertificate(run: number): string;
  /** What a judge of the name that measures for itself found. */
  judged(judge: string, variant: string): string;
}

function suiteOutput(suite: string): string {
  return `${OUTPUT}/${suite}`;
}

export function modelPaths(suite: string, model: string): ModelPaths {
  const root = suiteOutput(suite);
  const own = `${root}/${model}`;
  const preset = `${root}/presets/calibrated_preset_${model}`;
  return {
    baseline: `${root}/models/${model}/baseline`,
    weights: (variant) => `${own}/models/${variant}`,
    calibration: (run) => `${own}/certificates/calibration/run_${run}`,
    calibrationStats: `${own}/certificates/calibration/calibration_stats.json`,
    preset: `${preset}.yaml`,
    presetReceipt: `${preset}.receipt.json`,
    evaluation: (name) => ({
      results: `${own}/evals/${name}_results.json`,
      outcomes: `${own}/evals/${name}_outcomes.parquet`,
      receipt: `${own}/evals/${name}_results.receipt.json`,
    }),
    baselineReport: (run) => `${own}/certificates/baseline/run_${run}`,
    certificate: (edit, run) => `${own}/certificates/${edit}/run_${run}`,
    nullCertificate: (run) => `${own}/certificates/null/run_${run}`,
    judged: (judge, variant) => `${own}/judges/${judge}/${variant}`,
    errorCertificate: (type) => `${own}/certificates/errors/${type}`,
  };
}

/** The link to what a benchmark's task or the windows' provider reads from the hub, with its manifest beside it. */
export function dataLink(suite: string, of: 'benchmarks' | 'windows', name: string): string {
  return `${suiteOutput(suite)}/data/${of}/${name}`;
}

/** Whether a link below a suite's output leads to a baseline or to data of the hub: downloads and trainings. */
export function isDownloadLink(link: string): boolean {
  return /^output\/[^/]+\/(models\/[^/]+\/baseline|data\/(benchmarks|windows)\/[^/]+)$/.test(link);
}

/** The small files that stand beside a link to weights. */
export function beside(link: string) {
  return {
    manifest: `${link}.manifest.json`,
    profile: `${link}.profile.json`,
    editMetadata: `${link}.edit_metadata.json`,
    errorMetadata: `${link}.error_metadata.json`,
    datasets: `${link}.datasets.json`,
    receipt: `${link}.receipt.json`,
  };
}
