// One thing that is wrong in a suite.yaml, and where it stands.

export interface Diagnostic {
  /** Empty for what stands in no file: an environment variable. */
  file: string;
  line: number;
  col: number;
  message: string;
}
