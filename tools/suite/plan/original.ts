// Which cells the original script has too: its 517 of b200 stay countable beside what this suite adds.
import { JUDGE_KINDS } from '../model/cell.js';

export type Addition =
  | 'fetch of the data'
  | 'baseline report'
  | 'evaluation of an error'
  | 'null run'
  | 'cell of a ladder'
  | 'cell of a judge';

/** As steps of ladders are named: by all their parameters, the scope last, or by an error and its factor. */
const STEP = /_(ffn|attn|all)$|^error_.*_[\d_e-]+x$/;

/** `certify-0.12-1`, `baseline-0.12-1`. */
const OF_ANOTHER_INVARLOCK = /^(certify|baseline)-\d+\.\d+-\d+$/;

/** What a cell is that the original script does not have; undefined of one that it has. docs/b200.md has the numbers. */
export function additionOf(id: string): Addition | undefined {
  const [project = '', target = ''] = id.split(':');
  if (JUDGE_KINDS.some((kind) => target === kind) || OF_ANOTHER_INVARLOCK.test(target))
    return 'cell of a judge';
  if (target === 'data') return 'fetch of the data';
  if (target.startsWith('baseline-')) return 'baseline report';
  if (target.startsWith('null-')) return 'null run';
  if (STEP.test(project.split('.')[2] ?? '')) return 'cell of a ladder';
  const ofError = project.split('.')[2]?.startsWith('error_') === true;
  return target.startsWith('eval') && ofError ? 'evaluation of an error' : undefined;
}
