// Finds a Python the suite can use. A pyenv shim of an inactive version exists but does not run, so each candidate is tried.
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Fault } from '../base/fault.js';

export interface Interpreter {
  path: string;
  version: string;
}

/** [major, minor]: from the first on, and before the second. */
const SUPPORTED = { from: [3, 12], before: [3, 15] } as const;

const PROBE = 'import sys; print(sys.executable); print("%d.%d.%d" % sys.version_info[:3])';
const PROBE_TIMEOUT_MS = 15_000;

/** Commands and paths worth trying, best first: the PATH, pyenv's versions. */
export function candidates(environment: NodeJS.ProcessEnv): string[] {
  const onPath = ['python3.12', 'python3.13', 'python3.14', 'python3', 'python'];
  return [...onPath, ...pyenvVersions(environment)];
}

/**
 * The interpreter UV_PYTHON names, else the first candidate that runs and is of a supported version.
 *
 * @throws Fault when UV_PYTHON names something else: a choice that was made is never passed over.
 */
export async function findInterpreter(environment: NodeJS.ProcessEnv): Promise<Interpreter | undefined> {
  const named = environment.UV_PYTHON ?? '';
  if (named === '') return firstInterpreter(candidates(environment), isSupported);
  // A version alone is a request in uv's own words.
  const found = await probe(/^[\d.]+$/.test(named) ? `python${named}` : named);
  if (found !== undefined && isSupported(found.version)) return found;
  const is = found === undefined ? 'does not run' : `is Python ${found.version}`;
  throw new Fault(
    'environment',
    `UV_PYTHON: ${named} ${is}`,
    'Point it at Python 3.12, 3.13 or 3.14, or unset it.',
  );
}

/** Any Python 3 that can install uv from PyPI. */
export async function findAnyPython(environment: NodeJS.ProcessEnv): Promise<Interpreter | undefined> {
  return firstInterpreter(candidates(environment), (version) => /^3\.(9|\d\d)\./.test(version));
}

async function firstInterpreter(
  commands: readonly string[],
  accept: (version: string) => boolean,
): Promise<Interpreter | undefined> {
  for (const command of commands) {
    const interpreter = await probe(command);
    if (interpreter !== undefined && accept(interpreter.version)) return interpreter;
  }
  return undefined;
}

export async function probe(command: string): Promise<Interpreter | undefined> {
  const result = await execa(command, ['-I', '-c', PROBE], {
    reject: false,
    timeout: PROBE_TIMEOUT_MS,
    stdin: 'ignore',
  });
  // Without a process there is no output at all, whatever the types say.
  const [path, version] = ((result.stdout as string | undefined) ?? '').split('\n');
  return result.exitCode === 0 && path !== undefined && version !== undefined
    ? { path, version: version.trim() }
    : undefined;
}

export function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const rank = major * 1000 + minor;
  const { from, before } = SUPPORTED;
  return rank >= from[0] * 1000 + from[1] && rank < before[0] * 1000 + before[1];
}

function pyenvVersions(environment: NodeJS.ProcessEnv): string[] {
  const root = environment.PYENV_ROOT ?? join(homedir(), '.pyenv');
  try {
    return readdirSync(join(root, 'versions'))
      .sort()
      .map((version) => join(root, 'versions', version, 'bin', 'python'));
  } catch {
    return [];
  }
}
