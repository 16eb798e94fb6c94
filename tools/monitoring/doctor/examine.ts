// Every check of the doctor in its order, each finding told as it comes: the quick ones first.
import { messageOf } from '../../base/message.js';
import { loadSiteSettings, SITE_FILE, type SiteSettings } from '../../suite/settings/settings.js';
import { readDriver } from './driver.js';
import { error, ok, type Finding } from './finding.js';
import { disk, gpus, lockDirectory, memory, staging, store } from './host.js';
import { knownPools } from './pools.js';
import { programs } from './programs.js';
import { askPython, environment } from './python.js';
import { storedParts } from './stored-parts.js';
import { projects, suiteFile } from './suite.js';
import type { PlannedCell } from '../../suite/plan/planned.js';

export async function examine(
  workspaceRoot: string,
  suite: string,
  offline: boolean,
  tell: (finding: Finding) => void,
): Promise<Finding[]> {
  const all: Finding[] = [];
  const add = (findings: readonly Finding[]): void => {
    for (const finding of findings) {
      all.push(finding);
      tell(finding);
    }
  };
  let settings: SiteSettings | undefined;
  try {
    settings = loadSiteSettings(workspaceRoot);
    add([ok('site', `${SITE_FILE} and the environment`)]);
  } catch (cause) {
    add(
      messageOf(cause)
        .split('\n')
        .map((line) => error('site', line, 'Change it there.')),
    );
  }
  add(suiteFile(workspaceRoot, suite));
  const { generated, findings } = projects(workspaceRoot, suite);
  add(findings);
  if (settings !== undefined) {
    add(lockDirectory(settings));
    add(store(settings));
    // Of nodes of a cluster the probes of its pools tell.
    if (settings.engine === 'local') add(staging(settings));
    if (generated !== undefined) add(disk(workspaceRoot, settings, generated.cells));
    add(settings.engine === 'slurm' ? knownPools(workspaceRoot, settings) : await gpus(settings));
    if (generated !== undefined) add(await memory(workspaceRoot, suite, settings, generated.cells));
  }
  if (generated !== undefined) add(programs(workspaceRoot, generated.cells));
  const python = environment(workspaceRoot);
  add(python);
  if (generated !== undefined && python.every(({ what }) => what !== 'Python')) {
    const driver = settings === undefined ? undefined : await readDriver(settings);
    const stored = await found(workspaceRoot, settings, generated.cells);
    add(await askPython(workspaceRoot, generated.cells, { offline, driver, stored }));
  }
  return all;
}

/** Nothing where it cannot be told: all is asked for then, as of a suite that has not run. */
async function found(
  workspaceRoot: string,
  settings: SiteSettings | undefined,
  cells: readonly PlannedCell[],
): Promise<ReadonlyMap<string, string>> {
  if (settings === undefined) return new Map();
  return storedParts(workspaceRoot, settings.storageRoot, cells).catch(() => new Map<string, string>());
}
