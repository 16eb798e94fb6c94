// Which Chromium a host gets: what is named or installed comes before what is fetched.
import { expect, test } from 'vitest';
import { browserSource, type BrowserHost } from './chromium.js';

const host = (overrides: Partial<BrowserHost>): BrowserHost => ({
  named: undefined,
  platform: 'linux',
  arch: 'x64',
  exists: () => false,
  ...overrides,
});

test('CHROMIUM_PATH comes before an installed Chromium', () => {
  const exists = (): boolean => true;
  expect(browserSource(host({ named: '/opt/mine', exists }))).toEqual({ kind: 'path', path: '/opt/mine' });
});

test('a CHROMIUM_PATH without a file is an error, though one is installed', () => {
  const exists = (path: string): boolean => path === '/usr/bin/chromium';
  expect(() => browserSource(host({ named: '/opt/mine', exists }))).toThrow(
    'CHROMIUM_PATH: no file at /opt/mine',
  );
});

test('an installed Chromium comes before a fetched one, and an empty CHROMIUM_PATH counts as absent', () => {
  const exists = (path: string): boolean => path === '/usr/bin/google-chrome';
  expect(browserSource(host({ named: '', exists }))).toEqual({
    kind: 'path',
    path: '/usr/bin/google-chrome',
  });
});

test.each([
  ['linux', 'x64', 'packaged'],
  ['linux', 'arm64', 'playwright'],
  ['darwin', 'arm64', 'playwright'],
  ['darwin', 'x64', 'playwright'],
] as const)('where none is found, %s on %s gets it as %s', (platform, arch, kind) => {
  expect(browserSource(host({ platform, arch }))).toEqual({ kind });
});
