// Options that nothing reads stop a command before it starts any cell; all of Nx's own do not.
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { NX_OPTIONS, unknownOption } from '../../../tools/monitoring/run/unknown-option.js';

const refusal = (line: string): string | undefined => unknownOption(['node', 'nx', ...line.split(' ')]);

test.each([
  ['run smoke:certify --frob', '--frob'],
  ['run smoke:certify --frob=1 --verbose', '--frob'],
  ['run smoke:certify --verbos', '--verbos: certify takes'],
  ['run smoke:certify --skip-nx-cach', 'Did you mean --skipNxCache?'],
  ['run smoke:certify --paralel=3', 'Did you mean --parallel?'],
  ['run smoke:certify --dry-run', '<suite>:plan'],
  ['run smoke:certify --dryRun', '<suite>:plan'],
  ['run smoke:certify -n', '<suite>:plan'],
  ['run smoke:certify everything', 'unexpected argument "everything"'],
  ['run smoke:certify -- --frob', 'unexpected argument "--"'],
  ['run smoke:verdict --force', '--force'],
  ['run smoke:calibrate --runs 3', '--runs'],
  ['run smoke.m.baseline:eval --limit=5', '--limit'],
  ['run smoke.m.x:certify-1 --again', '--again'],
  ['run smoke.m.x:eval-mmlu --limit 5', '--limit'],
  ['run-many -t certify --frob', '--frob'],
  ['run-many --targets=setup,certify --dryrun', '<suite>:plan'],
  ['run-many -t status certify --json', '--json'],
  ['affected -t certify --dry-run', '<suite>:plan'],
  ['affected --target certify --what', '--what'],
  ['certify smoke --frob', '--frob'],
  ['smoke:certify --frob', '--frob'],
])('%s is refused', (line, words) => {
  expect(refusal(line)).toContain(words);
});

test.each([
  'run smoke:certify',
  'run smoke:certify --verbose --parallel=3 --output-style static',
  'run smoke:certify --skip-nx-cache --excludeTaskDependencies --no-cloud --tui=false',
  'run smoke:certify -c production --nx-bail',
  'run-many -t certify -p tag:model:x smoke.* --exclude a b',
  'run-many -t setup certify --parallel 8 --graph',
  'affected -t certify --base=main --head HEAD --files a,b --uncommitted',
  'certify smoke --verbose',
  // Nx refuses these by their schemas, before anything starts.
  'run smoke:compare --with x',
  'run smoke:clean --yes --baselines',
  'run smoke:status --watch --frob',
  'run-many -t build test --frob',
  'graph --open=false',
  'show projects --json',
  'g ./tools:suite smoke --dry-run',
])('%s is let pass', (line) => {
  expect(refusal(line)).toBeUndefined();
});

test("the list is Nx's", () => {
  const require = createRequire(import.meta.url);
  const yargs = require('yargs') as (argv: string[]) => {
    getOptions(): { key: object; alias: Record<string, string[]> };
  };
  const names = new Set<string>();
  for (const command of ['run', 'run-many', 'affected']) {
    const modules = require(`nx/src/command-line/${command}/command-object`) as Record<string, unknown>;
    for (const one of Object.values(modules)) {
      const { builder } = one as { builder?: (parser: unknown) => unknown };
      if (builder === undefined) continue;
      const parser = yargs([]);
      builder(parser);
      const { key, alias } = parser.getOptions();
      for (const name of [...Object.keys(key), ...Object.values(alias).flat()]) names.add(name);
    }
  }
  expect([...names].sort()).toEqual([...NX_OPTIONS].sort());
});
