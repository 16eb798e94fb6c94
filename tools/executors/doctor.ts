// Executor `doctor`: what would stop a suite on this host, before hours are spent.
import type { ExecutorContext } from '@nx/devkit';
import { redact } from '../base/redact.js';
import { examine } from '../monitoring/doctor/examine.js';
import { summary, toLine } from '../monitoring/doctor/finding.js';

export default async function doctor(
  { suite, offline = false }: { suite: string; offline?: boolean },
  { root }: ExecutorContext,
): Promise<{ success: boolean }> {
  const findings = await examine(root, suite, offline, (finding) => {
    console.log(redact(toLine(finding)));
  });
  console.log(`\n${summary(suite, findings)}`);
  return { success: findings.every(({ level }) => level !== 'error') };
}
