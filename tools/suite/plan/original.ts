// Which cells the original script has too: its 517 of b200 stay countable beside what this suite adds.
import type { PlannedCell } from './planned.js';

/**
 * Not the script's: baseline reports that certificates share, evaluations of errors, and null runs.
 * docs/b200.md gives their number.
 */
export function isOriginal({ id, kind }: Pick<PlannedCell, 'id' | 'kind'>): boolean {
  const [project = '', target = ''] = id.split(':');
  const variant = project.split('.')[2] ?? '';
  if (kind === 'baseline') return false;
  if (kind === 'eval') return !variant.startsWith('error_');
  return !target.startsWith('null-');
}
