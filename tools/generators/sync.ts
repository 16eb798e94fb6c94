// nx sync: does again, for every suite that has been generated, what nx g ./tools:suite does.
import type { Tree } from '@nx/devkit';
import { loadSuite } from '../suite/load/load.js';
import { formatDiagnostic } from '../suite/yaml/diagnostics.js';
import { SUITES, suiteDirectory, suiteFile } from '../suite/model/paths.js';
import { projectFiles } from '../suite/nx/project-json.js';
import { parseRecord } from '../suite/nx/record.js';
import { GeneratorError } from './generator-error.js';
import { pinned } from './pin.js';
import { isMaterialised, writeSuite } from './write-suite.js';

export interface SyncResult {
  outOfSyncMessage?: string;
  outOfSyncDetails?: string[];
}

/** @throws GeneratorError with what is wrong in any generated suite; none is changed then. */
export default function syncGenerator(tree: Tree): SyncResult {
  const suites = tree.children(SUITES).filter((name) => isMaterialised(tree, name));
  const problems: string[] = [];
  const pending = suites.flatMap((name) => {
    if (!tree.exists(suiteFile(name))) {
      problems.push(
        `${suiteFile(name)} is gone, but the projects made from it are there. ` +
          `Bring it back (git checkout -- ${suiteFile(name)}), or remove the suite: git rm -r ${suiteDirectory(name)}`,
      );
      return [];
    }
    // Never the environment: whoever runs nx sync has another one than whoever made the suite.
    const record = parseRecord(tree.read(`${suiteDirectory(name)}/project.json`, 'utf-8') ?? undefined);
    const loaded = loadSuite(tree.root, name, record.identity);
    if (loaded.ok) {
      const { suite, digest } = loaded.value;
      return [{ name, files: projectFiles(pinned(suite, record), { ...record, suiteDigest: digest }) }];
    }
    problems.push(...loaded.error.map(formatDiagnostic));
    return [];
  });
  if (problems.length > 0)
    throw new GeneratorError('Generated suites cannot be brought up to date', problems);
  const before = tree.listChanges().length;
  for (const { name, files } of pending) writeSuite(tree, name, files);
  const changed = tree.listChanges().slice(before);
  if (changed.length === 0) return {};
  return {
    outOfSyncMessage: 'The projects of a generated suite differ from its suite.yaml.',
    outOfSyncDetails: changed.map(({ type, path }) => `${type} ${path}`),
  };
}
