// Looks a command up as a shell does.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The file a command is, on the PATH; undefined: there is none. */
export function onPath(command: string, path = process.env.PATH ?? ''): string | undefined {
  return path
    .split(delimiter)
    .map((directory) => join(directory, command))
    .find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
