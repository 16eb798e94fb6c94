// Debian's Chromium, driven by playwright-core: no browser is downloaded.
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
];

/** @throws Error with the command that installs it. */
export async function openChromium(): Promise<Browser> {
  const named = process.env.CHROMIUM_PATH ?? '';
  const executablePath = (named === '' ? PLACES : [named]).find((path) => existsSync(path));
  if (executablePath === undefined) {
    const looked = named === '' ? PLACES.join(', ') : named;
    throw new Error(
      `no Chromium at ${looked}. Install it (apt-get update && apt-get install -y chromium), or name one in CHROMIUM_PATH.`,
    );
  }
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}
