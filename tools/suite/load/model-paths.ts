// What lies at the paths of a suite's models and edited checkpoints, when its projects are made: hours before a setup would stumble over it.
import { posix } from 'node:path';
import { isCheckpoint } from '../model/edit-spec.js';
import type { Suite } from '../model/suite.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { diagnosticAt } from '../yaml/diagnostics.js';
import type { Path, YamlSource } from '../yaml/yaml-source.js';
import { editPlaces } from './edit-places.js';
import type { Input } from './input.js';
import type { ReadModel } from './sections.js';

type ReadPath = (path: string) => Input;

/** Paths at which there can be no model. */
export function modelPathProblems(
  source: YamlSource,
  models: readonly ReadModel[],
  suite: Suite,
  readPath: ReadPath,
): Diagnostic[] {
  return modelPaths(source, models, suite).flatMap(({ at, path }) => {
    const { kind } = readPath(path);
    const above = kind === 'none' ? fileAbove(path, readPath) : undefined;
    if (kind !== 'file' && above === undefined) return [];
    const what = above === undefined ? `${path} is a file` : `${above}, above ${path}, is a file`;
    return [diagnosticAt(source, at, `${what}, not the directory of a model`)];
  });
}

/** Paths at which there is none yet: it may come before the suite runs, here or where it runs. */
export function modelPathWarnings(
  source: YamlSource,
  models: readonly ReadModel[],
  suite: Suite,
  readPath: ReadPath,
): Diagnostic[] {
  return modelPaths(source, models, suite).flatMap(({ at, path, maker }) => {
    const directory = readPath(path).kind === 'directory';
    if (directory && readPath(posix.join(path, 'config.json')).kind === 'file') return [];
    const what = directory ? `${path} has no config.json` : `${path} does not exist here`;
    return [diagnosticAt(source, at, `${what}: its ${maker} will fail as long as that is so`)];
  });
}

interface ModelPath {
  at: Path;
  path: string;
  /** The cell that reads it. */
  maker: 'setup' | 'adoption';
}

function modelPaths(source: YamlSource, models: readonly ReadModel[], suite: Suite): ModelPath[] {
  return suite.models.flatMap((model, index) => {
    const read = models[index];
    const { type, path } = model.source;
    const own: ModelPath[] =
      type === 'path' && typeof path === 'string'
        ? [{ at: ['models', index, 'path'], path, maker: 'setup' }]
        : [];
    const edits = read === undefined ? [] : editPlaces(source, read, model);
    return [
      ...own,
      ...edits.flatMap(({ edit: { spec }, path: at }): ModelPath[] =>
        isCheckpoint(spec) && spec.source.type === 'path'
          ? [{ at: [...at, 'checkpoint'], path: spec.source.path, maker: 'adoption' }]
          : [],
      ),
    ];
  });
}

function fileAbove(path: string, readPath: ReadPath): string | undefined {
  for (let above = posix.dirname(path); above !== '.' && above !== '/'; above = posix.dirname(above)) {
    const { kind } = readPath(above);
    if (kind !== 'none') return kind === 'file' ? above : undefined;
  }
  return undefined;
}
