// The suites of a workspace, for people: what nx g ./tools:suite shows without a name, and for a name that none has.
import { join } from 'node:path';
import type { Tree } from '@nx/devkit';
import { suiteFile } from '../suite/model/paths.js';
import { nearest } from '../suite/yaml/suggest.js';
import { readYamlFile } from '../suite/yaml/yaml-file.js';
import { parseYaml } from '../suite/yaml/yaml-source.js';
import { GeneratorError } from './generator-error.js';
import { isMaterialised } from './write-suite.js';

/** A line a suite, and what can be done with them. */
export function suiteList(tree: Tree, suites: readonly string[]): string[] {
  const width = Math.max(0, ...suites.map((name) => name.length));
  return [
    suites.length === 0 ? 'There are no suites yet.' : 'Suites of this workspace:',
    ...suites.map((name) => {
      const made = isMaterialised(tree, name) ? '' : ' (no projects yet)';
      return `  ${name.padEnd(width)}  ${descriptionOf(tree.root, name)}${made}`;
    }),
    '',
    'npx nx g ./tools:suite <name>            make or refresh its projects',
    'npx nx g ./tools:suite <name> --refresh  and ask the hub again for commits',
    'npx nx g ./tools:remove <name>           take it out of the workspace',
    'npx nx g ./tools:suite <new name> --model <hub id or ./directory>',
    '                                         begin a suite of your own (--dry-run shows it)',
    'A suite is a directory below suites/ with a suite.yaml in it (docs/suite.md).',
  ];
}

function descriptionOf(root: string, name: string): string {
  const text = readYamlFile(join(root, suiteFile(name)));
  if (!text.ok) return 'suite.yaml cannot be read';
  const { value } = parseYaml(suiteFile(name), text.value).source;
  const said =
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>).description : '';
  return typeof said === 'string' ? said : '';
}

export function unknownSuite(name: string, suites: readonly string[]): GeneratorError {
  const near = nearest(name, suites);
  const hint = near === undefined ? '' : ` Did you mean ${JSON.stringify(near)}?`;
  const known = suites.length === 0 ? 'there are none yet' : suites.join(', ');
  return new GeneratorError(`No suite named ${JSON.stringify(name)}.${hint}`, [
    `Suites of this workspace: ${known}`,
    'A suite is a directory below suites/ with a suite.yaml in it.',
    'A new one: npx nx g ./tools:suite <name> --model <hub id or ./directory>',
  ]);
}
