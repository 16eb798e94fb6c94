// Writes the projects of a suite into a tree, and removes those it made before that are no longer of it.
import type { Tree } from '@nx/devkit';
import { suiteDirectory } from '../suite/model/paths.js';
import { ourSide } from '../suite/nx/conflict.js';
import { GENERATED, type ProjectFile } from '../suite/nx/project-json.js';
import { GeneratorError } from './generator-error.js';

/**
 * Idempotent: a file that already says the same is not touched.
 *
 * @throws GeneratorError when a project.json that was not made here stands where one would go; nothing is written then.
 */
export function writeSuite(tree: Tree, suite: string, files: readonly ProjectFile[]): void {
  const foreign = files.filter(({ path }) => tree.exists(path) && !isGenerated(tree, path));
  if (foreign.length > 0) {
    throw new GeneratorError(
      `${foreign.length === 1 ? 'A project.json' : 'Project files'} not made by this generator ${foreign.length === 1 ? 'is' : 'are'} in the way; nothing was written`,
      [
        ...foreign.map(({ path }) => `  ${path}`),
        `Move or delete ${foreign.length === 1 ? 'it' : 'them'}, or rename the model or variant in suites/${suite}/suite.yaml.`,
      ],
    );
  }
  const wanted = new Set(files.map((file) => file.path));
  for (const path of generatedFiles(tree, suite)) if (!wanted.has(path)) tree.delete(path);
  for (const { path, text } of files) {
    if (tree.read(path, 'utf-8') !== text) tree.write(path, text);
  }
}

/** The suite's own project.json was made here: it has been generated and not been removed since. */
export function isMaterialised(tree: Tree, suite: string): boolean {
  return isGenerated(tree, `${suiteDirectory(suite)}/project.json`);
}

/** Of its models and variants. */
export function generatedFiles(tree: Tree, suite: string): string[] {
  const root = suiteDirectory(suite);
  return directories(tree, root)
    .flatMap((model) => directories(tree, model))
    .map((variant) => `${variant}/project.json`)
    .filter((path) => isGenerated(tree, path));
}

function directories(tree: Tree, path: string): string[] {
  return tree
    .children(path)
    .map((name) => `${path}/${name}`)
    .filter((child) => !tree.isFile(child));
}

function isGenerated(tree: Tree, path: string): boolean {
  const text = tree.isFile(path) ? tree.read(path, 'utf-8') : null;
  if (text === null) return false;
  try {
    const project = JSON.parse(ourSide(text)) as { metadata?: { generated?: unknown } } | null;
    return project?.metadata?.generated === GENERATED;
  } catch {
    return false;
  }
}
