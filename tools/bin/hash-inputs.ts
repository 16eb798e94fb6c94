// Prints what every cell's Nx hash takes from this machine (a `runtime` input): device class and pinned versions.
// Nx asks anew for each wave of tasks; within one nx run the first answer stands, which spares a cached run a second.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = process.cwd();
const [suite] = process.argv.slice(2);
const memo = join(root, '.nx', 'validation-machine.json');
const run = asker();
const question = JSON.stringify([run, suite ?? null]);

const known = recall();
if (known === undefined) await answer();
else process.stdout.write(known);

async function answer(): Promise<void> {
  try {
    // Only here: the imports take most of the time.
    const { readMachineIdentity } = await import('../runner/identity.js');
    const { requireRecorded } = await import('../suite/record.js');
    const { loadSiteSettings } = await import('../suite/settings.js');
    if (suite !== undefined) requireRecorded(root, suite, process.env);
    const { versions, deviceClass, pool } = await readMachineIdentity(root, loadSiteSettings(root));
    const unsure = pool.length > 0 && (await flashMayChange(pool)) ? { unsure: randomUUID() } : {};
    const text = `${JSON.stringify({ deviceClass, ...versions, ...unsure })}\n`;
    process.stdout.write(text);
    await remember(text);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

/**
 * Whether `python-env`, which runs after this, will try to install flash attention: what comes of it is not known, so
 * that results must not be stored or found under a hash that says it is. Receipts know it.
 */
async function flashMayChange(pool: readonly { architecture: string }[]): Promise<boolean> {
  const { flashState, isEnvironment } = await import('../python-env/flash-state.js');
  const { architecturesOf } = await import('../python-env/flash-host.js');
  return isEnvironment(root) && !flashState(root, architecturesOf(pool)).settled;
}

/**
 * The nx run that asks, by pid and start; Nx asks by way of a shell. Where it cannot be told, undefined, and nothing is
 * remembered.
 */
function asker(pid = process.ppid): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    const command = stat.slice(stat.indexOf('(') + 1, end);
    const fields = stat.slice(end + 2).split(' ');
    return /^(ba|da)?sh$/.test(command) ? asker(Number(fields[1])) : `${pid}@${fields[19] ?? ''}`;
  } catch {
    return undefined;
  }
}

function recall(): string | undefined {
  if (run === undefined) return undefined;
  try {
    const { asked, text } = JSON.parse(readFileSync(memo, 'utf8')) as { asked: unknown; text: unknown };
    return asked === question && typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

async function remember(text: string): Promise<void> {
  if (run === undefined) return;
  try {
    const { writeWhole } = await import('../base/files.js');
    writeWhole(memo, JSON.stringify({ asked: question, text }));
  } catch {
    // A workspace that cannot be written: the next wave asks again.
  }
}
