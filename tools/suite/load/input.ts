// What lies where a suite.yaml points to, beside it or elsewhere.

/** What lies at a path the suite names: a file with its text, a directory, or nothing. */
export type Input =
  | { kind: 'file'; text: string }
  /** `yamlTexts`: of the YAML files in it, at any depth. */
  | { kind: 'directory'; yamlTexts: () => string[] }
  | { kind: 'none' };
