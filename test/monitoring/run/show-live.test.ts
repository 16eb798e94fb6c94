import { expect, test } from 'vitest';
import { shownProjects } from '../../../tools/monitoring/run/show-live.js';

const shown = (command: string, environment: NodeJS.ProcessEnv = {}): string[] =>
  ['a', 'b'].filter(shownProjects(['node', 'nx', ...command.split(' ')], environment));

test.each([
  ['run a:certify', ['a']],
  ['run a:certify-1 --excludeTaskDependencies', ['a']],
  ['certify a', ['a']],
  ['run-many -t certify', []],
  ['run-many -t certify --outputStyle=stream', ['a', 'b']],
  ['run-many -t certify --output-style stream-without-prefixes', ['a', 'b']],
  ['run a:certify --output-style=static', []],
  ['affected -t certify', []],
])('nx %s shows the moment of %j', (command, projects) => {
  expect(shown(command)).toEqual(projects);
});

test('NX_STREAM_OUTPUT is followed as Nx does', () => {
  expect(shown('run-many -t certify', { NX_STREAM_OUTPUT: 'true' })).toEqual(['a', 'b']);
  expect(shown('run a:certify', { NX_STREAM_OUTPUT: 'false' })).toEqual([]);
});
