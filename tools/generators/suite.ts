// nx g ./tools:suite <name>: the projects of one suite, and its suite.yaml first where there is none and models are named.
import { logger, type Tree } from '@nx/devkit';
import { shown } from '../base/text/say.js';
import { asCommandPrefix, identityOf } from '../suite/settings/identity.js';
import { unknownVariables } from '../suite/settings/unknown-variables.js';
import { listSuites, loadSuite, loadSuiteText } from '../suite/load/load.js';
import { formatDiagnostic } from '../suite/yaml/diagnostics.js';
import { suiteDirectory, suiteFile } from '../suite/model/paths.js';
import { projectFiles } from '../suite/nx/project-json.js';
import { EMPTY_RECORD, parseRecord } from '../suite/nx/record.js';
import { askAtTerminal, type Ask } from './ask.js';
import { GeneratorError } from './generator-error.js';
import { askForNew, newSuite, optionsOfNew, type NewSuite, type NewSuiteOptions } from './new-suite.js';
import { pinned } from './pin.js';
import { resolveSources } from './sources.js';
import { suiteList, unknownSuite } from './suite-list.js';
import { writeSuite } from './write-suite.js';

export interface SuiteGeneratorOptions extends NewSuiteOptions {
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
  { name, refresh = false, ...given }: SuiteGeneratorOptions,
  environment: NodeJS.ProcessEnv = process.env,
  ask: Ask = askAtTerminal(environment),
): Promise<void> {
  const suites = listSuites(tree.root);
  const options = optionsOfNew(given);
  if (name === undefined) {
    if (options.length > 0) throw new GeneratorError(NAMELESS);
    logger.info(shown(suiteList(tree, suites).join('\n')));
    return;
  }
  if (suites.includes(name) && options.length > 0) throw notOverwritten(name, options);
  const unknown = unknownVariables(environment);
  if (unknown.length > 0) throw new GeneratorError('Unknown settings; nothing was written', unknown);
  const made = suites.includes(name) ? undefined : await begun(tree.root, name, given, environment, ask);
  if (!suites.includes(name) && made === undefined) throw unknownSuite(name, suites);
  const identity = identityOf(environment);
  const loaded =
    made === undefined
      ? loadSuite(tree.root, name, identity)
      : loadSuiteText(tree.root, name, made.text, identity);
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
  const known = made?.known ?? (refresh ? EMPTY_RECORD : recorded);
  const sources = await resolveSources(tree.root, suite, known, environment);
  if (made !== undefined) tree.write(suiteFile(name), made.text);
  writeSuite(tree, name, projectFiles(pinned(suite, sources), { identity, ...sources, suiteDigest: digest }));
  if (made !== undefined) sayWhatWasMade(name, made, environment);
  else if (tree.listChanges().length === 0) {
    logger.info(shown(`Suite ${name} is up to date; nothing was written`));
  }
}

/** Undefined where no model is named. */
async function begun(
  root: string,
  name: string,
  given: NewSuiteOptions,
  environment: NodeJS.ProcessEnv,
  ask: Ask,
): Promise<NewSuite | undefined> {
  const options = optionsOfNew(given);
  const asked = given.model === undefined && ask !== undefined;
  const answers = asked ? await askForNew(name, listSuites(root), ask) : {};
  if (answers === undefined) return undefined;
  const all = { ...answers, ...given };
  if (all.model === undefined) {
    if (options.length === 0) return undefined;
    throw new GeneratorError(`${options.join(', ')}: a suite has a model`, [
      'Add --model <hub id or directory>, once for each.',
    ]);
  }
  // npx and npm say where they were started; nx itself goes to the workspace's root.
  return newSuite(name, all, { root, cwd: environment.INIT_CWD ?? root, environment });
}

const NAMELESS = 'A new suite has a name: npx nx g ./tools:suite <name> --model <hub id or directory>';

function notOverwritten(name: string, options: readonly string[]): GeneratorError {
  return new GeneratorError(
    `${suiteFile(name)} is there already, and is not overwritten; nothing was written`,
    [
      `${options.join(', ')}: for a new suite only. Change ${suiteFile(name)} itself, and then: npx nx g ./tools:suite ${name}`,
      `Or choose another name; or take the suite away first: npx nx g ./tools:remove ${name}`,
    ],
  );
}

/** A dry run shows the text itself: nobody could look at it otherwise. */
function sayWhatWasMade(name: string, { text }: NewSuite, environment: NodeJS.ProcessEnv): void {
  const dry = environment.NX_DRY_RUN === 'true';
  const what = dry
    ? `${suiteFile(name)} would be:\n\n${text}`
    : `${suiteFile(name)} says what was chosen and why.`;
  logger.info(
    shown(`${what}\nNext: npx nx run ${name}:doctor, npx nx run ${name}:plan, npx nx run ${name}:certify`),
  );
}

function readText(tree: Tree, path: string): string | undefined {
  return tree.read(path, 'utf-8') ?? undefined;
}
