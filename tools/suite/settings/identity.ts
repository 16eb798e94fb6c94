// Identity variables: those an environment gives, laid over what suite.yaml says, and compared with what was recorded.
import { IDENTITY_TABLE, type IdentityRow } from './identity-table.js';
import { LEFT_OUT, type Raw } from './raw-suite.js';
import { fail, ok, type Result } from '../../base/result.js';
import { readVariable } from '../yaml/setting-type.js';
import type { Path, YamlSource } from '../yaml/yaml-source.js';

/** Identity variables by name, as they were written. Recorded in the suite's project. */
export type Identity = Readonly<Record<string, string>>;

/** The identity variables that are given: set and not empty, or empty where that says something. */
export function identityOf(environment: NodeJS.ProcessEnv): Identity {
  return Object.fromEntries(
    Object.entries(IDENTITY_TABLE).flatMap(([name, row]) => {
      const text = environment[name];
      if (text === undefined || (text.trim() === '' && row.empty === undefined)) return [];
      return [[name, text.trim()]];
    }),
  );
}

/**
 * The source with the variables laid over it: its value is what suite.yaml would say, its places are still those of the
 * file, and what a variable set is told with the variable's name.
 *
 * @returns every variable with a bad value, as a sentence.
 */
export function overlay(source: YamlSource, identity: Identity): Result<YamlSource, string[]> {
  const names = Object.keys(identity);
  if (names.length === 0) return ok(source);
  const suite = (structuredClone(source.value) ?? {}) as Raw;
  // A file that holds no mapping has nothing to lay a variable over; the schema says what is wrong with it.
  if (typeof suite !== 'object' || Array.isArray(suite)) return ok(source);
  const diagnostics: string[] = [];
  const set = new Map<string, string>();
  for (const [name, row] of Object.entries(IDENTITY_TABLE)) {
    const text = identity[name];
    if (text === undefined) continue;
    const value = valueOf(name, row, text);
    if (value.ok) row.apply(suite, value.value);
    else diagnostics.push(value.error);
    set.set(row.over.startsWith('models[') ? row.over : row.over.replace(/\[.*/, ''), name);
  }
  if (diagnostics.length > 0) return fail(diagnostics);
  const places = keepPlaces(suite);
  return ok({
    ...source,
    value: suite,
    placeOf: (path) => source.placeOf(places(path)),
    placeOfKey: (path, key) => source.placeOfKey(places(path), key),
    origin: (path) => {
      const [section = '', key] = places(path).map(String);
      if (section === 'models') return set.get(`models[${key ?? ''}]`);
      return set.get(`${section}.${key ?? ''}`) ?? set.get(section);
    },
  });
}

function valueOf(name: string, row: IdentityRow, text: string): Result<unknown, string> {
  return text === '' ? ok(row.empty) : readVariable(name, row.type, text);
}

/** Takes out the models left out; maps a path in what remains to the one in the file. */
function keepPlaces(suite: Raw): (path: Path) => Path {
  if (!Array.isArray(suite.models)) return (path) => path;
  const models = suite.models as unknown[];
  const kept = Array.from(models.keys()).filter((index) => models[index] !== LEFT_OUT);
  suite.models = kept.map((index) => models[index]);
  return (path) => {
    const [section, index, ...rest] = path;
    return section === 'models' && typeof index === 'number'
      ? [section, kept[index] ?? index, ...rest]
      : path;
  };
}

/** Variables given now that were not given so when the cells were made. What they mean is judged by the caller. */
export function changedVariables(recorded: Identity, given: Identity): string[] {
  return Object.keys(given).filter((name) => !sameValue(name, recorded[name], given[name]));
}

function sameValue(name: string, one: string | undefined, other: string | undefined): boolean {
  const row = IDENTITY_TABLE[name];
  if (one === undefined || other === undefined || row === undefined) return one === other;
  return JSON.stringify(row.type.fromText(one)) === JSON.stringify(row.type.fromText(other));
}

/** `INVARLOCK_TIER=conservative MODEL_3='' ` for the beginning of a command, or nothing. */
export function asCommandPrefix(identity: Identity): string {
  return Object.entries(identity)
    .map(([name, text]) => `${name}=${quoted(text)} `)
    .join('');
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
