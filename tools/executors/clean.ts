// Executor `clean`: says which weights of a suite can be made again, and with --yes frees them.
import { complain, say } from '../base/text/say.js';
import type { ExecutorContext } from '@nx/devkit';
import { clean, describeLeftBehind, describeRemovable, storedWeights } from '../execution/store/clean.js';
import { stagingArea } from '../execution/store/staged-copies.js';
import { loadSiteSettings } from '../suite/settings/settings.js';
import { outcomeOf, type Outcome } from './outcome.js';

interface CleanFlags {
  suite: string;
  yes?: boolean;
  dryRun?: boolean;
  baselines?: boolean;
}

export default function cleanSuite(
  { suite, yes = false, dryRun = false, baselines = false }: CleanFlags,
  { root }: ExecutorContext,
): Promise<Outcome> {
  const log = (line: string): void => {
    say(line);
  };
  return outcomeOf(`clean of ${suite} failed`, async () => {
    const settings = loadSiteSettings(root);
    const { storageRoot } = settings;
    const staging = stagingArea(settings)?.root;
    const options = { workspaceRoot: root, suite, storageRoot, staging, baselines };
    const stored = storedWeights(options);
    const { lines, empty } = await describeRemovable(stored, options);
    [...lines, ...describeLeftBehind(options)].forEach(log);
    if (empty || dryRun) return true;
    if (!yes) {
      complain(`Nothing was removed. To free it: npx nx run ${suite}:clean --yes`);
      return false;
    }
    await clean(stored.removable, options, log);
    return true;
  });
}
