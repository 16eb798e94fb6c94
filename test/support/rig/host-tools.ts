// A PATH that holds a few tools of the host and nothing else: no Python, no uv, no driver of a GPU.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const TOOLS = ['sh', 'env', 'rm', 'mkdir', 'touch', 'cat', 'node', 'printf', 'true'];

/** The directory to put on it, made below `root` when it is asked for the first time. */
export function hostTools(root: string): string {
  const directory = join(root, 'host-tools');
  if (existsSync(directory)) return directory;
  mkdirSync(directory);
  for (const tool of TOOLS) {
    const found = execFileSync('sh', ['-c', `command -v ${tool} || true`], { encoding: 'utf8' }).trim();
    if (found.startsWith('/')) symlinkSync(found, join(directory, tool));
  }
  return directory;
}
