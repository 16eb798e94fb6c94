// Opens a Chromium for the report's tests: the one named, one installed, or else one fetched into the user's cache.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { chromium, type Browser, type LaunchOptions } from 'playwright-core';
import { REPOSITORY } from '../repository.js';
import { packagedChromium } from './packaged.js';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
];
/** How long a test's hook waits for the browser: the fetch is some 70 MB, once. */
export const FETCH_TIMEOUT_MS = 600_000;

/** Where Chromium comes from on this host. */
export type BrowserSource =
  | { kind: 'path'; path: string }
  /** The npm package that ships one for Linux on x64. */
  | { kind: 'packaged' }
  /** Playwright's own download, for every other platform. */
  | { kind: 'playwright' };

export interface BrowserHost {
  /** CHROMIUM_PATH; empty counts as absent. */
  named: string | undefined;
  platform: NodeJS.Platform;
  arch: NodeJS.Architecture;
  exists: (path: string) => boolean;
}

/** @throws Error when CHROMIUM_PATH names what is not there: another browser in its place would go unnoticed. */
export function browserSource({ named = '', platform, arch, exists }: BrowserHost): BrowserSource {
  if (named !== '') {
    if (exists(named)) return { kind: 'path', path: named };
    throw new Error(
      `CHROMIUM_PATH: no file at ${named}. Correct it, or unset it: the tests then fetch a Chromium.`,
    );
  }
  const installed = PLACES.find(exists);
  if (installed !== undefined) return { kind: 'path', path: installed };
  return { kind: platform === 'linux' && arch === 'x64' ? 'packaged' : 'playwright' };
}

/** @throws Error when there is no Chromium and none can be fetched; it says why and what to do. */
export async function openChromium(): Promise<Browser> {
  const source = browserSource({
    named: process.env.CHROMIUM_PATH,
    platform: process.platform,
    arch: process.arch,
    exists: existsSync,
  });
  return chromium.launch({ ...(await launchOptions(source)), headless: true, args: FLAGS });
}

async function launchOptions(source: BrowserSource): Promise<LaunchOptions> {
  if (source.kind === 'path') return { executablePath: source.path };
  if (source.kind === 'packaged') {
    const { executable, environment } = await packagedChromium();
    return { executablePath: executable, env: { ...process.env, ...environment } };
  }
  await playwrightInstalls();
  return {};
}

/** Playwright keeps its browsers in a cache of its own, locks it, and does nothing when this one is there. */
async function playwrightInstalls(): Promise<void> {
  const cli = join(REPOSITORY, 'node_modules/playwright-core/cli.js');
  const args = [cli, 'install', '--no-progress', 'chromium-headless-shell'];
  const { exitCode, all } = await execa(process.execPath, args, {
    reject: false,
    all: true,
    stdin: 'ignore',
  });
  if (exitCode === 0) return;
  throw new Error(
    `Playwright's download of Chromium failed (exit code ${exitCode}):\n${all}\nInstall a Chromium and name it in CHROMIUM_PATH.`,
  );
}
