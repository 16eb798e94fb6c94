// nx g ./tools:remove <suite>: takes a suite out of the workspace: its projects and its suite.yaml. Results and weights stay.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { logger, type Tree } from '@nx/devkit';
import { shown } from '../base/text/say.js';
import { listSuites } from '../suite/load/load.js';
import { suiteDirectory, suiteFile } from '../suite/model/paths.js';
import { unknownSuite } from './suite-list.js';
import { generatedFiles, isMaterialised } from './write-suite.js';

export interface RemoveGeneratorOptions {
  name: string;
}

/** @throws GeneratorError for an unknown suite; nothing is removed then. */
export default function removeGenerator(tree: Tree, { name }: RemoveGeneratorOptions): void {
  const suites = listSuites(tree.root);
  if (!suites.includes(name)) throw unknownSuite(name, suites);
  const made = generatedFiles(tree, name);
  const own = isMaterialised(tree, name) ? [`${suiteDirectory(name)}/project.json`] : [];
  for (const path of [...made, ...own, suiteFile(name)]) tree.delete(path);
  const left = tree.children(suiteDirectory(name));
  if (left.length > 0) {
    logger.info(shown(`Not made by a generator, so it stays in ${suiteDirectory(name)}: ${left.join(', ')}`));
  }
  const output = `output/${name}`;
  if (existsSync(join(tree.root, output))) {
    logger.info(
      shown(
        `Its results stay in ${output}, and its weights in the store. To free those first, bring suite.yaml back and run: ` +
          `npx nx run ${name}:clean --yes --baselines`,
      ),
    );
  }
}
