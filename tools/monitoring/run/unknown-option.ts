// Options on a command line of nx that nothing would read. A target that gathers others, or waits for them, would start all
// of them first: hours of cells for a typing error, or for a `--dry-run` that there is not.
import { CELL_KINDS } from '../../suite/model/cell.js';
import { nearest } from '../../suite/yaml/suggest.js';

/** Nx's own options of `run`, `run-many` and `affected`, as its help has them; a test compares. */
export const NX_OPTIONS: readonly string[] = [
  'agents', 'all', 'base', 'batch', 'c', 'cloud', 'configuration', 'disableNxCache', 'disableRemoteCache', 'dte',
  'exclude', 'excludeTaskDependencies', 'explain', 'files', 'graph', 'head', 'help', 'maxParallel', 'nxBail', 'nxIgnoreCycles',
  'outputStyle', 'p', 'parallel', 'prod', 'project', 'projects', 'runner', 'skipNxCache', 'skipRemoteCache', 'skipSync',
  'stdin', 't', 'target', 'targets', 'tui', 'tuiAutoExit', 'uncommitted', 'untracked', 'useAgents', 'verbose', 'version',
]; // prettier-ignore
/** Those of them that a value follows. */
const WITH_VALUE = new Set(
  ['base', 'c', 'configuration', 'exclude', 'files', 'graph', 'head', 'maxParallel', 'outputStyle', 'p', 'parallel',
    'project', 'projects', 'runner', 't', 'target', 'targets'].map(plainName),
); // prettier-ignore
const KNOWN = new Set(NX_OPTIONS.map(plainName));

/** Targets that run cells, or wait for them; the others have schemas by which Nx refuses an option before it starts any. */
const RUNS_CELLS = new RegExp(`^(certify|verdict|calibrate|${CELL_KINDS.join('|')})(-|$)`);
const COMMANDS = ['run', 'run-one', 'run-many', 'affected'];

/** Why a command may not start cells, in a sentence; undefined for any other command, and where every option is Nx's. */
export function unknownOption(argv: readonly string[]): string | undefined {
  const words = argv.slice(2);
  const target = targetsOf(words).find((name) => RUNS_CELLS.test(name));
  if (target === undefined) return undefined;
  const bad = words.find((word) => word === '--' || (isOption(word) && !isKnown(word))) ?? strayWord(words);
  if (bad === undefined) return undefined;
  const name = bad.replace(/=.*$/s, '');
  const what = isOption(bad) ? `unknown option ${name}` : `unexpected argument ${JSON.stringify(bad)}`;
  return `${what}: ${target} takes Nx's own options only (npx nx run --help).${hint(name)}`;
}

function hint(name: string): string {
  if (/^-+(n|dry-?run|plan)$/i.test(name)) return ' What a run would do: npx nx run <suite>:plan';
  const near = nearest(plainName(name), NX_OPTIONS.filter((option) => option.length > 3).map(plainName));
  const option = NX_OPTIONS.find((one) => plainName(one) === near);
  return option === undefined ? '' : ` Did you mean --${option}?`;
}

function isOption(word: string): boolean {
  return /^--?[a-z]/i.test(word);
}

function isKnown(word: string): boolean {
  const name = plainName(word.replace(/=.*$/s, ''));
  return KNOWN.has(name) || (name.startsWith('no') && KNOWN.has(name.slice(2)));
}

/** `--skip-nx-cache`, `--skipNxCache` → `skipnxcache`. */
function plainName(option: string): string {
  return option.replaceAll('-', '').toLowerCase();
}

/** The targets a command line names: by `-t`, by `run project:target`, by `nx target project`. */
function targetsOf(words: readonly string[]): string[] {
  const named: string[] = [];
  const free: string[] = [];
  let option = '';
  for (const word of words) {
    if (isOption(word)) {
      const [name = '', ...value] = word.split('=');
      option = plainName(name);
      if (isTarget(option) && value.length > 0) named.push(...value.join('=').split(','));
      if (value.length > 0 || !WITH_VALUE.has(option)) option = '';
    } else if (isTarget(option)) named.push(...word.split(','));
    else if (option === '') free.push(word);
  }
  const [command = '', next = ''] = free;
  if (!COMMANDS.includes(command)) return [...named, targetOf(command)];
  return command === 'run' || command === 'run-one' ? [...named, targetOf(next)] : named;
}

const isTarget = (option: string): boolean => ['t', 'target', 'targets'].includes(option);
const targetOf = (word: string): string => word.split(':')[1] ?? word;

/** A word too many after `run project:target`. */
function strayWord(words: readonly string[]): string | undefined {
  const free = words.filter((word, index) => {
    const before = words[index - 1] ?? '';
    const isValue = isOption(before) && !before.includes('=') && WITH_VALUE.has(plainName(before));
    return !isOption(word) && !isValue;
  });
  return free[0] === 'run' ? free[2] : undefined;
}
