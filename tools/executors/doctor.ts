// Executor `doctor`: what would stop a suite on this host, before hours are spent.
import { say } from '../base/text/say.js';
import type { ExecutorContext } from '@nx/devkit';
import { examine } from '../monitoring/doctor/examine.js';
import { summary, toLine, type Finding } from '../monitoring/doctor/finding.js';
import { probePools } from '../monitoring/doctor/pools.js';

export default async function doctor(
  { suite, offline = false, engine = false }: { suite: string; offline?: boolean; engine?: boolean },
  { root }: ExecutorContext,
): Promise<{ success: boolean }> {
  const tell = (finding: Finding): void => {
    say(toLine(finding));
  };
  const probed = engine ? await probePools(root, suite, tell) : [];
  const findings = [...probed, ...(await examine(root, suite, offline, tell))];
  say(`\n${summary(suite, findings)}`);
  return { success: findings.every(({ level }) => level !== 'error') };
}
