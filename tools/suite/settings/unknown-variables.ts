// Variables of the suite's families that exist nowhere: a typing error must not pass for a setting.
import { allVariables } from './environment.js';
import { TIMEOUT_VARIABLE } from './site-table.js';
import { nearest } from '../yaml/suggest.js';

/** By their beginning or end, in any case; other programs have no variables like these. */
const FAMILIES = [
  /^(B200|INVARLOCK|VALIDATION|TASK_TIMEOUT|LMEVAL|LM_EVAL)(_\w*)?$/i,
  /^(MODEL_\d+|EDIT_TYPES_\w+|EVAL_BATCH_SIZE\w*|\w+_EDIT_RUNS|DRIFT_CALIBRATION\w*)$/,
  /^(GPU_(MIN|REQUIRE|MEMORY|ID)_?\w*|\w+_OVERHEAD_GB|SCHEDULER_MEM\w*|MIN_FREE_DISK\w*|RESUME_MODE\w*)$/,
];
/** Given to processes of cells, so that whoever looks for them finds them: never a setting. */
const OWN = ['VALIDATION_LEASE'];

/** A sentence for each. */
export function unknownVariables(environment: NodeJS.ProcessEnv): string[] {
  const all = allVariables();
  const known = new Set([...all.map(({ name }) => name), ...OWN]);
  const settable = all.flatMap(({ name, role }) => (role === 'set' ? [] : [name]));
  return (
    Object.keys(environment)
      .filter((name) => FAMILIES.some((family) => family.test(name)) && !known.has(name))
      // Of these settings.ts says which tasks there are.
      .filter((name) => !TIMEOUT_VARIABLE.test(name))
      .map((name) => `environment variable ${name}: there is none.${hint(name, settable)}`)
  );
}

function hint(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  if (near !== undefined) return ` Did you mean ${near}?`;
  const passed = /^INVARLOCK_/i.test(name) ? " InvarLock's own variables are not passed on to it." : '';
  return `${passed} Unset it; docs/settings.md has those there are.`;
}
