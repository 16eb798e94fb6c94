// docs/settings.md, from the tables of settings. `npm run docs:settings` writes it; a test holds it to match.
import { allVariables, shown, type Role, type Variable } from './environment.js';
import { SITE_ROWS } from './site-table.js';

const INTRODUCTION = `# Settings

<!-- Made by \`npm run docs:settings\` from tools/suite/settings/identity-table.ts and tools/suite/settings/site-table.ts. -->

Every environment variable of the suite, with what it may be, its default and its meaning. An empty variable is one that is not given, except where its row says otherwise. A value that is not allowed is an error that says what is. Sizes called GB in a variable's name are GiB.

Each is one of two kinds:

- **identity**: read by \`npx nx g ./tools:suite <suite>\`, laid over \`suite.yaml\` and recorded in the suite's project. It is part of the hash of what it changes and of nothing else. A run that finds another value than the recorded one stops, with the command to give; \`npx nx sync\` goes by suite.yaml and the record, never by the environment.
- **execution**: read when cells run, in no hash: changing it re-runs nothing. It goes before \`workspace-config/site.yaml\`, where most have a key.
`;

export function settingsPage(): string {
  const variables = allVariables();
  const of = (role: Role): Variable[] => variables.filter((one) => one.role === role);
  return [
    INTRODUCTION,
    '## Identity\n',
    table(
      ['variable', 'allowed', 'default', 'meaning', 'stands over (suite.yaml)', 'runs again'],
      of('identity').map((one) => [
        code(one.name),
        one.allowed,
        code(one.default),
        one.meaning,
        code(one.file ?? ''),
        one.changes ?? '',
      ]),
    ),
    '## Execution\n',
    table(
      ['variable', 'allowed', 'default', 'meaning', 'key in site.yaml'],
      of('execution').map((one) => [
        code(one.name),
        one.allowed,
        code(one.default),
        one.meaning,
        one.file === null ? '' : code(one.file),
      ]),
    ),
    '## In site.yaml only\n',
    table(
      ['key', 'allowed', 'default', 'meaning'],
      SITE_ROWS.flatMap(([, { key, variable, type, default: fallback, meaning }]) =>
        variable === null ? [[code(key ?? ''), type.allowed, code(shown(fallback)), meaning]] : [],
      ),
    ),
    '## Set by the suite\n',
    'Given to the processes of cells; a value from outside is not passed on.\n',
    table(
      ['variable', 'value'],
      of('set').map((one) => [code(one.name), one.meaning]),
    ),
  ].join('\n');
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

/** A Markdown table as prettier has it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - cell.length)).join(' | ')} |`;
  const [first = [], ...rest] = cells;
  return `${[line(first), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n')}\n`;
}
