// What is wrong in a suite.yaml, and where: `suites/x/suite.yaml:4:9: tier: "dev" is not allowed. Allowed: …`.
import type { z } from 'zod';
import type { Diagnostic } from './diagnostic.js';
import { isSecretName } from '../../base/text/redact.js';
import { nearest } from './suggest.js';
import type { Path, YamlSource } from './yaml-source.js';

export function formatDiagnostic({ file, line, col, message }: Diagnostic): string {
  return file === '' ? message : `${file}:${line}:${col}: ${message}`;
}

/** In the order of the file; what was found twice is told once. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const byText = new Map(diagnostics.map((diagnostic) => [formatDiagnostic(diagnostic), diagnostic]));
  return [...byText.values()].sort((a, b) => a.line - b.line || a.col - b.col);
}

export function diagnosticAt(source: YamlSource, path: Path, message: string): Diagnostic {
  const variable = source.origin?.(path);
  const by = variable === undefined ? '' : `set by ${variable}: `;
  return { file: source.file, ...source.placeOf(path), message: `${by}${showPath(path)}${message}` };
}

/** The sentences for one zod issue. Its message is what is allowed there (schema-parts.ts). */
export function describeIssue(source: YamlSource, issue: z.core.$ZodIssue): Diagnostic[] {
  const allowed = issue.message;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const message = `unknown setting ${JSON.stringify(key)}${hint(key, allowed)} Allowed here: ${allowed}`;
      return {
        file: source.file,
        ...source.placeOfKey(issue.path, key),
        message: showPath(issue.path) + message,
      };
    });
  }
  const value = valueAt(source.value, issue.path);
  if (issue.code === 'custom' && issue.params?.sentence === true) {
    return [diagnosticAt(source, issue.path, `${show(value)} ${allowed}`)];
  }
  if (value === undefined) return [diagnosticAt(source, issue.path, `missing. Allowed: ${allowed}`)];
  if (value === null) return [diagnosticAt(source, issue.path, `empty. Allowed: ${allowed}`)];
  const words = issue.code === 'invalid_value' || issue.code === 'invalid_union';
  const near = words && typeof value === 'string' ? hint(value, allowed) : '.';
  // The value of a secret stands in no message.
  const shown = issue.path.some((key) => isSecretName(String(key))) ? 'what is written there' : show(value);
  return [diagnosticAt(source, issue.path, `${shown} is not allowed${near} Allowed: ${allowed}`)];
}

/** The end of a sentence: a full stop, or the allowed word that was perhaps meant. */
function hint(typed: string, allowed: string): string {
  const words = allowed.split(/[,:]? /).filter((word) => /^[\w-]+$/.test(word));
  const word = nearest(typed, words);
  return word === undefined || word === typed ? '.' : `; did you mean ${JSON.stringify(word)}?`;
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<PropertyKey, unknown>)[key];
  }
  return at;
}

/** `models[1].runs.clean: ` */
function showPath(path: Path): string {
  if (path.length === 0) return '';
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return `${text.replace(/^\./, '')}: `;
}

/** A value as one short piece of a sentence. */
export function show(value: unknown): string {
  // JSON has no word for .nan and .inf, which YAML can hold.
  const json = typeof value === 'number' ? String(value) : (JSON.stringify(value) as string | undefined);
  const text = json ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
