// What lies at the paths of a suite's models, when its projects are made: hours before a setup would stumble over it.
import { posix } from 'node:path';
import type { Suite } from '../model/suite.js';
import type { Diagnostic } from '../yaml/diagnostic.js';
import { diagnosticAt } from '../yaml/diagnostics.js';
import type { YamlSource } from '../yaml/yaml-source.js';
import type { Input } from './input.js';

type ReadPath = (path: string) => Input;

/** Paths at which there can be no model. */
export function modelPathProblems(source: YamlSource, suite: Suite, readPath: ReadPath): Diagnostic[] {
  return modelPaths(suite).flatMap(({ index, path }) => {
    const { kind } = readPath(path);
    const above = kind === 'none' ? fileAbove(path, readPath) : undefined;
    if (kind !== 'file' && above === undefined) return [];
    const what = above === undefined ? `${path} is a file` : `${above}, above ${path}, is a file`;
    return [diagnosticAt(source, ['models', index, 'path'], `${what}, not the directory of a model`)];
  });
}

/** Paths at which there is none yet: it may come before the suite runs, here or where it runs. */
export function modelPathWarnings(source: YamlSource, suite: Suite, readPath: ReadPath): Diagnostic[] {
  return modelPaths(suite).flatMap(({ index, path }) => {
    const directory = readPath(path).kind === 'directory';
    if (directory && readPath(posix.join(path, 'config.json')).kind === 'file') return [];
    const what = directory ? `${path} has no config.json` : `${path} does not exist here`;
    return [
      diagnosticAt(source, ['models', index, 'path'], `${what}: its setup will fail as long as that is so`),
    ];
  });
}

function modelPaths({ models }: Suite): { index: number; path: string }[] {
  return models.flatMap(({ source: { type, path } }, index) =>
    type === 'path' && typeof path === 'string' ? [{ index, path }] : [],
  );
}

function fileAbove(path: string, readPath: ReadPath): string | undefined {
  for (let above = posix.dirname(path); above !== '.' && above !== '/'; above = posix.dirname(above)) {
    const { kind } = readPath(above);
    if (kind !== 'none') return kind === 'file' ? above : undefined;
  }
  return undefined;
}
