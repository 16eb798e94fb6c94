// Where the directories of a cell's attempts lie.
import { join } from 'node:path';

/** Where a cell's attempts lie: `output/<suite>/logs/<model>/<variant>/<target>/`. */
export function attemptsDirectory(workspaceRoot: string, project: string, target: string): string {
  const [suite, ...rest] = project.split('.');
  return join(workspaceRoot, 'output', suite ?? project, 'logs', ...rest, target);
}
