// Names of suites, models and variants. They become directories and Nx projects, so they stay plain words.

/** No dots (they separate the parts of a project's name), no slashes, no leading dash. */
const NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,79}$/;
export const NAME_RULE =
  'lower-case letters, digits, "_" and "-", beginning with a letter or digit, at most 80 long';

/** The project that fetches what a suite reads from the hub: `<suite>.data.hub`. No model can be called so. */
export const DATA_PROJECT = { model: 'data', variant: 'hub' } as const;

/** Directories of a suite's output or source tree that are no model's. */
const RESERVED_MODELS = [
  'models', 'presets', 'analysis', 'reports', 'logs', 'state', 'queue', 'workers', 'data', 'tasks',
]; // prettier-ignore
/** Variants and certificate directories that are no edit's. */
const RESERVED_EDITS = ['baseline', 'edits', 'errors', 'calibration', 'null'];
/** Projects of this workspace that are no suite's. */
const RESERVED_SUITES = ['tools', 'workspace'];

/** The end of a sentence about the name. */
type NameProblem = string | undefined;

export function suiteNameProblem(name: string): NameProblem {
  return problem(name, RESERVED_SUITES);
}

export function modelNameProblem(name: string): NameProblem {
  return problem(name, RESERVED_MODELS);
}

export function editNameProblem(name: string): NameProblem {
  if (name.startsWith('error_')) return 'begins with "error_", as only injected errors do';
  return problem(name, RESERVED_EDITS);
}

export function benchmarkNameProblem(name: string): NameProblem {
  return problem(name, []);
}

function problem(name: string, reserved: readonly string[]): NameProblem {
  if (!NAME_PATTERN.test(name)) return `is no plain name: ${NAME_RULE}`;
  return reserved.includes(name) ? `is reserved, as are ${reserved.join(', ')}` : undefined;
}

/** A model's name from its hub id or path: the last segment, lower case, blanks to `_`, the rest dropped. */
export function nameFromSource(idOrPath: string): string {
  const segments = idOrPath.split(/[/\\]/).filter((segment) => segment !== '');
  const last = segments.at(-1) ?? '';
  return last
    .toLowerCase()
    .replace(/\s+/g, '_')
    .replace(/[^a-z0-9_-]/g, '');
}

export function projectName(suite: string, model: string, variant: string): string {
  return `${suite}.${model}.${variant}`;
}

export function errorVariant(type: string): string {
  return `error_${type}`;
}

/** Of an error at a strength of its own: `error_scale_explosion_1_5x`. */
export function errorStepVariant({ type, factor }: { type: string; factor: number }): string {
  return `${errorVariant(type)}_${inName(factor)}x`;
}

/** A number as names have it: `12.5` is `12_5`. Twelve digits: 0.1 * 100 is 10.000000000000002 for some neighbours. */
export function inName(value: number): string {
  return String(Number(value.toPrecision(12)))
    .replace('.', '_')
    .replace('+', '');
}
