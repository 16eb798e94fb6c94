// What lies where a suite.yaml points to, beside it or elsewhere.

/** What lies at a path the suite names: a file with its text, a directory, or nothing. */
export type Input =
  | { kind: 'file'; text: string }
  /** `yamlFiles`: the YAML files in it, at any depth, by their paths in it. */
  | { kind: 'directory'; yamlFiles: () => ReadonlyMap<string, string> }
  | { kind: 'none' };
