// Ids of tickets and leases. An id alone tells whether its executor lives, so that even a damaged file can be judged.
import { randomBytes } from 'node:crypto';
import { sha256 } from '../../../base/canonical.js';
import { identityOf, ownIdentity, type ProcessIdentity } from '../../../host/process-identity.js';

const PATTERN = /^(\d{1,10})-([0-9a-f]{12})-[0-9a-f]{12}$/;

/** `<pid>-<digest of its start time and boot>-<random>` of this process. */
export function newId(): string {
  const own = ownIdentity();
  return `${own.pid}-${birthOf(own)}-${randomBytes(6).toString('hex')}`;
}

export function isId(name: string): boolean {
  return PATTERN.test(name);
}

/** Whether the process that made the name still runs. */
export function isOwnerAlive(id: string): boolean {
  const [, pid, birth] = PATTERN.exec(id) ?? [];
  const running = pid === undefined ? undefined : identityOf(Number(pid));
  return running !== undefined && birthOf(running) === birth;
}

function birthOf({ startTime, bootId, pidNamespace }: ProcessIdentity): string {
  return sha256(`${startTime} ${bootId} ${pidNamespace}`).slice(0, 12);
}
