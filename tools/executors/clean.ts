// Executor `clean`: says which weights of a suite can be made again, and with --yes frees them.
import type { ExecutorContext } from '@nx/devkit';
import { messageOf } from '../base/message.js';
import { clean, describeRemovable, removable } from '../runner/clean.js';
import { loadSiteSettings } from '../suite/settings.js';

interface CleanFlags {
  suite: string;
  yes?: boolean;
  dryRun?: boolean;
  baselines?: boolean;
}

export default async function cleanSuite(
  { suite, yes = false, dryRun = false, baselines = false }: CleanFlags,
  { root }: ExecutorContext,
): Promise<{ success: boolean }> {
  const say = (line: string): void => {
    console.log(line);
  };
  try {
    const { storageRoot } = loadSiteSettings(root);
    const options = { workspaceRoot: root, suite, storageRoot, baselines };
    const all = removable(options);
    const { lines, empty } = await describeRemovable(all, options);
    lines.forEach(say);
    if (empty || dryRun) return { success: true };
    if (!yes) {
      console.error(`Nothing was removed. To free it: npx nx run ${suite}:clean --yes`);
      return { success: false };
    }
    await clean(all, options, say);
    return { success: true };
  } catch (error) {
    console.error(`clean of ${suite} failed: ${messageOf(error)}`);
    return { success: false };
  }
}
