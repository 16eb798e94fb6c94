// One nx a workspace at a time across hosts: what two lock directories do not tell each other would start cells twice. Each
// run that may start cells leaves a record in output/.heads; a second one that cannot agree with it by leases is refused.
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { writeWhole } from '../../base/files.js';
import { identitySchema } from '../../execution/lease/directory/identity-schema.js';
import { isAlive, ownIdentity, strangeness } from '../../host/process-identity.js';
import { readRecord } from '../../host/read-record.js';
import { hasEnded, slurmJob } from '../../host/slurm.js';

const schema = z.object({
  who: identitySchema,
  lockDirectory: z.string(),
  since: z.string(),
  job: z.object({ id: z.string(), restarts: z.number() }).nullable(),
});
type Head = z.infer<typeof schema>;

const SIGN_MS = 30_000;
/** A head out of sight that was silent for so long is taken for dead. */
const SILENT_MS = 10 * 60_000;
/** Two that begin in the same instant both step back, and come again one after the other. */
const TRIES = 5;
const SAME_INSTANT_MS = 15_000;

/** Path of the heads' records, relative to the workspace. */
export const HEADS = 'output/.heads';

/** Become a head of the workspace until this process ends; or the sentence why not. */
export async function becomeHead(workspaceRoot: string, lockDirectory: string): Promise<string | undefined> {
  for (let tries = 1; ; tries += 1) {
    const own = join(workspaceRoot, HEADS, `${process.pid}-${randomBytes(6).toString('hex')}.json`);
    const { id, restarts } = slurmJob() ?? {};
    const job = id === undefined ? null : { id, restarts: restarts ?? 0 };
    const head: Head = { who: ownIdentity(), lockDirectory, since: new Date().toISOString(), job };
    // Before the look at the others: of two that do both, at least one sees the other.
    try {
      writeWhole(own, `${JSON.stringify(head, null, 2)}\n`);
    } catch {
      // Full or read-only: no cell can write there either, and each says so by its name.
      return undefined;
    }
    const other = otherHead(workspaceRoot, own, head);
    if (other === undefined) {
      keep(own);
      return undefined;
    }
    rmSync(own, { force: true });
    if (tries === TRIES || other.ageMs > SAME_INSTANT_MS) return refusal(other);
    await sleep(500 + Math.random() * 3_000);
  }
}

function keep(own: string): void {
  const sign = setInterval(() => {
    try {
      utimesSync(own, new Date(), new Date());
    } catch {
      // Removed by hand, or a disk that is not there just now.
    }
  }, SIGN_MS).unref();
  process.once('exit', () => {
    clearInterval(sign);
    rmSync(own, { force: true });
  });
}

interface Found {
  head: Head;
  path: string;
  ageMs: number;
}

/** A living one that this run cannot agree with. Records of dead ones are removed. */
function otherHead(workspaceRoot: string, own: string, self: Head): Found | undefined {
  const directory = join(workspaceRoot, HEADS);
  // By the clock of the disk, whatever those of the hosts say.
  const nowMs = statSync(own).mtimeMs;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (path === own || !name.endsWith('.json')) continue;
    const found = readRecord(path, schema);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!found.ok || stat === undefined) continue;
    const head = found.value;
    const ageMs = nowMs - stat.mtimeMs;
    if (!lives(head, ageMs, self)) rmSync(path, { force: true });
    else if (strangeness(head.who, stat.mtimeMs) !== undefined || head.lockDirectory !== self.lockDirectory)
      return { head, path: `${HEADS}/${name}`, ageMs };
  }
  return undefined;
}

function lives({ who, job }: Head, ageMs: number, self: Head): boolean {
  if (strangeness(who, Date.now() - ageMs) === undefined) return isAlive(who);
  if (ageMs > SILENT_MS) return false;
  if (job === null) return true;
  // This job itself, before Slurm began it anew.
  if (job.id === self.job?.id && job.restarts < self.job.restarts) return false;
  return job.id === self.job?.id || !hasEnded(job.id);
}

function refusal({ head: { who, job, since, lockDirectory }, path }: Found): string {
  const ofJob = job === null ? '' : `, Slurm job ${job.id}`;
  return `nx on host ${who.host} (process ${who.pid}${ofJob}, since ${since}, lock directory ${lockDirectory}) runs this workspace already, and the two cannot agree on who runs which cell. Wait for it or end it; if it is dead, remove ${path}.`;
}
