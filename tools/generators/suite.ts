// nx g ./tools:suite <name>: the projects of one suite.
import { logger, type Tree } from '@nx/devkit';
import { shown } from '../base/text/say.js';
import { asCommandPrefix, identityOf } from '../suite/settings/identity.js';
import { unknownVariables } from '../suite/settings/unknown-variables.js';
import { listSuites, loadSuite } from '../suite/load/load.js';
import { formatDiagnostic } from '../suite/yaml/diagnostics.js';
import { suiteDirectory } from '../suite/model/paths.js';
import { projectFiles } from '../suite/nx/project-json.js';
import { EMPTY_RECORD, parseRecord } from '../suite/nx/record.js';
import { GeneratorError } from './generator-error.js';
import { pinned } from './pin.js';
import { resolveSources } from './sources.js';
import { suiteList, unknownSuite } from './suite-list.js';
import { writeSuite } from './write-suite.js';

export interface SuiteGeneratorOptions {
  /** Without it the suites are listed, and nothing is written. */
  name?: string;
  /** Ask the hub again for commits that are recorded already. */
  refresh?: boolean;
}

/**
 * Identity variables of the environment are laid over suite.yaml, and recorded; so are the commits of hub revisions and the sizes of models.
 *
 * @throws GeneratorError for an unknown suite and with the diagnostics of its settings; nothing is written then.
 */
export default async function suiteGenerator(
  tree: Tree,
  { name, refresh = false }: SuiteGeneratorOptions,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const suites = listSuites(tree.root);
  if (name === undefined) {
    logger.info(shown(suiteList(tree, suites).join('\n')));
    return;
  }
  if (!suites.includes(name)) throw unknownSuite(name, suites);
  const unknown = unknownVariables(environment);
  if (unknown.length > 0) throw new GeneratorError('Unknown settings; nothing was written', unknown);
  const identity = identityOf(environment);
  const loaded = loadSuite(tree.root, name, identity);
  if (!loaded.ok) {
    const count = loaded.error.length;
    throw new GeneratorError(
      `${count} mistake${count === 1 ? '' : 's'} in the settings of suite ${name}; nothing was written`,
      loaded.error.map(formatDiagnostic),
    );
  }
  const { suite, digest, warnings } = loaded.value;
  for (const warning of warnings) logger.warn(shown(formatDiagnostic(warning)));
  if (Object.keys(identity).length > 0) logger.info(shown(`Recorded: ${asCommandPrefix(identity).trim()}`));
  const recorded = parseRecord(readText(tree, `${suiteDirectory(name)}/project.json`));
  const sources = await resolveSources(tree.root, suite, refresh ? EMPTY_RECORD : recorded, environment);
  writeSuite(tree, name, projectFiles(pinned(suite, sources), { identity, ...sources, suiteDigest: digest }));
  if (tree.listChanges().length === 0) logger.info(shown(`Suite ${name} is up to date; nothing was written`));
}

function readText(tree: Tree, path: string): string | undefined {
  return tree.read(path, 'utf-8') ?? undefined;
}
