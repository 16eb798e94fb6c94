// Prints what every cell's Nx hash takes from this machine (a `runtime` input): device class and pinned versions.
import { readMachineIdentity } from '../runner/identity.js';
import { requireRecorded } from '../suite/record.js';
import { loadSiteSettings } from '../suite/settings.js';

try {
  const root = process.cwd();
  const [suite] = process.argv.slice(2);
  if (suite !== undefined) requireRecorded(root, suite, process.env);
  const { versions, deviceClass } = await readMachineIdentity(root, loadSiteSettings(root));
  process.stdout.write(`${JSON.stringify({ deviceClass, ...versions })}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
