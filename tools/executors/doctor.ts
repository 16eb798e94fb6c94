// Executor `doctor`: what would stop a suite on this host, before hours are spent.
import { say } from '../base/text/say.js';
import type { ExecutorContext } from '@nx/devkit';
import { examine } from '../monitoring/doctor/examine.js';
import { summary, toLine } from '../monitoring/doctor/finding.js';

export default async function doctor(
  { suite, offline = false }: { suite: string; offline?: boolean },
  { root }: ExecutorContext,
): Promise<{ success: boolean }> {
  const findings = await examine(root, suite, offline, (finding) => {
    say(toLine(finding));
  });
  say(`\n${summary(suite, findings)}`);
  return { success: findings.every(({ level }) => level !== 'error') };
}
