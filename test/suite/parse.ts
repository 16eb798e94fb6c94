// Reads suite texts in tests, with files that exist only in the test.
import { readFileSync } from 'node:fs';
import { formatDiagnostic } from '../../tools/suite/yaml/diagnostics.js';
import { parseSuite, type Input, type LoadedSuite } from '../../tools/suite/load/load.js';
import type { Identity } from '../../tools/suite/settings/identity.js';
import type { Suite } from '../../tools/suite/model/suite.js';

/** Text by path; a directory has null. */
export type Files = Record<string, string | null>;

function lookUp(files: Files): (path: string) => Input {
  return (path) => {
    const found = files[path];
    if (found === undefined) return { kind: 'none' };
    if (found !== null) return { kind: 'file', text: found };
    const inside = Object.entries(files).flatMap(([name, text]): [string, string][] =>
      name.startsWith(`${path}/`) && text !== null ? [[name.slice(path.length + 1), text]] : [],
    );
    return { kind: 'directory', yamlFiles: () => new Map(inside) };
  };
}

/** The suite of a text that has no mistakes. */
export function parsed(text: string, files: Files = {}, name = 'x', identity: Identity = {}): Suite {
  return loaded(text, files, name, identity).suite;
}

export function loaded(text: string, files: Files = {}, name = 'x', identity: Identity = {}): LoadedSuite {
  const result = parseSuite(name, text, lookUp(files), identity);
  if (!result.ok) throw new Error(result.error.map(formatDiagnostic).join('\n'));
  return result.value;
}

/** Every mistake of a text, without the file's name: `2:7: tier: …`. */
export function diagnostics(text: string, files: Files = {}, identity: Identity = {}): string[] {
  const result = parseSuite('x', text, lookUp(files), identity);
  return result.ok
    ? []
    : result.error.map((diagnostic) => formatDiagnostic(diagnostic).replace('suites/x/suite.yaml:', ''));
}

/** The suite of the original script, with identity variables laid over it. */
export function referenceSuite(identity: Identity = {}): Suite {
  const text = readFileSync(new URL('../../suites/b200/suite.yaml', import.meta.url), 'utf8');
  return parsed(text, {}, 'b200', identity);
}

/** A corpus of good lines. */
export function corpus(lines: number): string {
  return Array.from({ length: lines }, (_, index) => JSON.stringify({ text: `line ${index}` })).join('\n');
}
