// Settings of a site that are well-formed one by one and cannot hold together: the run would silently follow one of them.
import type { SiteKey, SiteValues } from './site-table.js';

/** What was given, in site.yaml or by a variable; nothing of defaults. */
export type GivenSettings = Partial<SiteValues>;

interface Rule {
  settings: readonly [SiteKey, SiteKey];
  clash: (given: GivenSettings) => boolean;
  why: string;
}

type DirectoryKey = 'lockDirectory' | 'storageRoot' | 'storageStaging' | 'outputDirectory';

const RULES: readonly Rule[] = [
  {
    settings: ['sharing', 'requireIdle'],
    clash: ({ sharing, requireIdle }) => sharing === 'memory' && requireIdle === true,
    why: 'a shared GPU is never idle',
  },
  {
    settings: ['accelerator', 'numGpus'],
    clash: ({ accelerator, numGpus }) => accelerator === 'cuda' && numGpus === 0,
    why: 'cuda needs a GPU',
  },
  {
    settings: ['accelerator', 'visibleDevices'],
    clash: ({ accelerator, visibleDevices }) => accelerator === 'cuda' && visibleDevices?.length === 0,
    why: 'cuda needs a GPU',
  },
  {
    settings: ['gpuMemoryPerDeviceGiB', 'gpuMemoryGiB'],
    clash: ({ gpuMemoryPerDeviceGiB: part, gpuMemoryGiB: whole }) => isMore(part, whole),
    why: 'a cell cannot take more of a GPU than it has',
  },
  {
    settings: ['backoffSeconds', 'maxBackoffSeconds'],
    clash: ({ backoffSeconds: first, maxBackoffSeconds: longest }) => isMore(first, longest),
    why: 'the first wait would be longer than the longest',
  },
  apart('lockDirectory', 'storageRoot'),
  apart('storageStaging', 'storageRoot'),
  apart('outputDirectory', 'storageRoot'),
  apart('outputDirectory', 'lockDirectory'),
];

function apart(one: DirectoryKey, other: DirectoryKey): Rule {
  return {
    settings: [one, other],
    clash: (given) => isSamePath(given[one], given[other]),
    why: 'each needs a directory of its own',
  };
}

/** @param nameOf how a message names a setting: the variable or the key that gave it. */
export function contradictions(given: GivenSettings, nameOf: (key: SiteKey) => string): string[] {
  return RULES.filter(({ clash }) => clash(given)).map(({ settings, why }) => {
    const [one, other] = settings.map((key) => `${nameOf(key)} is ${JSON.stringify(given[key])}`);
    return `${one ?? ''}, and ${other ?? ''}: ${why}. Change one of them`;
  });
}

function isMore(one: unknown, other: unknown): boolean {
  return typeof one === 'number' && typeof other === 'number' && one > other;
}

function isSamePath(one: string | null | undefined, other: string | null | undefined): boolean {
  return typeof one === 'string' && one !== 'auto' && one === other;
}
