// Which cells a command line of nx asks for, as far as it can be told: what is printed before a run is planned from it.
import { makersFor, makersOf, type PlannedCell } from '../../suite/plan/planned.js';

/** Targets of a project that stand for all its cells. */
const GATHERING = ['certify', 'verdict', 'report'];

/**
 * Cells of a suite that `nx run` or `nx run-many` with these arguments runs, with all they wait for; empty for every
 * other command. A form that is not understood counts as the whole suite where it names one of its projects.
 */
export function requestedCells(
  argv: readonly string[],
  suite: string,
  cells: readonly PlannedCell[],
): PlannedCell[] {
  const asked = asks(argv);
  if (asked === undefined) return [];
  const first = cells.filter(({ id }) => {
    const [project = '', target = ''] = id.split(':');
    const whole = asked.targets.some((name) => GATHERING.includes(name));
    const calibrations = asked.targets.includes('calibrate') && /^(setup|calibrate-|preset)/.test(target);
    if (asked.projects === undefined) return whole || calibrations || asked.targets.includes(target);
    if (asked.projects.includes(suite)) return whole || calibrations;
    const named = asked.projects.some((pattern) => matches(pattern, project));
    return named && (whole || asked.targets.includes(target));
  });
  return withDependencies(first, cells);
}

interface Asked {
  /** Undefined: all of them. */
  projects: string[] | undefined;
  targets: string[];
}

function asks(argv: readonly string[]): Asked | undefined {
  const at = argv.findIndex((word) => word === 'run' || word === 'run-many' || word === 'run-one');
  if (at < 0) return undefined;
  const rest = argv.slice(at + 1);
  if (argv[at] !== 'run-many') {
    const id = rest.find((word) => !word.startsWith('-')) ?? '';
    const [project = '', target = ''] = id.split(':');
    return { projects: [project], targets: [target] };
  }
  const targets = valuesOf(rest, ['-t', '--target', '--targets']);
  const projects = valuesOf(rest, ['-p', '--project', '--projects']);
  return { projects: projects.length > 0 ? projects : undefined, targets };
}

/** `-t a b`, `-t a,b`, `--targets=a,b`. */
function valuesOf(words: readonly string[], flags: readonly string[]): string[] {
  const found: string[] = [];
  let open = false;
  for (const word of words) {
    const [flag = '', ...value] = word.split('=');
    if (flags.includes(flag)) {
      open = value.length === 0;
      if (!open) found.push(value.join('='));
    } else if (word.startsWith('-')) open = false;
    else if (open) found.push(word);
  }
  return found.flatMap((value) => value.split(',')).filter((value) => value !== '');
}

/** A project by name, by a pattern with `*`, or by one of the tags its name tells. */
function matches(pattern: string, project: string): boolean {
  const [suite = '', model = '', variant = ''] = project.split('.');
  if (pattern.startsWith('tag:')) {
    return [`tag:suite:${suite}`, `tag:model:${model}`, `tag:variant:${variant}`].includes(pattern);
  }
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`).test(project);
}

function withDependencies(first: readonly PlannedCell[], cells: readonly PlannedCell[]): PlannedCell[] {
  const makers = makersOf(cells);
  const found = new Set(first);
  for (const cell of found) for (const maker of makersFor(cell, makers)) found.add(maker);
  return cells.filter((cell) => found.has(cell));
}
