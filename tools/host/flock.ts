// A lock of the kernel on an open file (flock), without waiting. Node.js has no such call: a program that gets the file
// takes it.
import { spawnSync } from 'node:child_process';
import { messageOf } from '../base/message.js';

export type Locked =
  | 'locked'
  /** Another open file has it. */
  | 'held'
  /** Locks cannot be had: why. */
  | { none: string };

/**
 * A lock belongs to the open file: a child that has the descriptor takes it for this process, and closing the file ends it.
 *
 * @param fd open for writing: some shared disks lock no others alone.
 */
export function flock(fd: number, how: 'alone' | 'together'): Locked {
  const [option, kind] = how === 'alone' ? ['-x', 'LOCK_EX'] : ['-s', 'LOCK_SH'];
  const tools: [string, string[]][] = [
    ['flock', [option, '-n', '3']],
    ['python3', ['-c', PYTHON, kind]],
  ];
  let none: string | undefined;
  for (const [command, args] of tools) {
    const { status, stderr, error } = spawnSync(command, args, {
      stdio: ['ignore', 'ignore', 'pipe', fd],
      encoding: 'utf8',
      timeout: 20_000,
    });
    if (status === 0) return 'locked';
    if (status === 1) return 'held';
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') continue;
    none ??= error === undefined ? sentence(stderr, command, status) : messageOf(error);
  }
  return { none: none ?? NO_TOOL };
}

const PYTHON = `
import fcntl, sys
try:
    fcntl.flock(3, getattr(fcntl, sys.argv[1]) | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(1)
except BaseException as error:
    print(error, file=sys.stderr)
    sys.exit(2)
`;

const NO_TOOL = 'neither flock (util-linux) nor python3 is found. Install one of them.';

function sentence(stderr: string, command: string, status: number | null): string {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return last === '' ? `${command} ended with exit code ${status ?? '?'}` : last;
}
