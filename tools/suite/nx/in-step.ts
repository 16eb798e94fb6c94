// Whether a suite's projects were made from the suite.yaml that stands there now: cheap enough for every cell to ask.
import { join } from 'node:path';
import { suiteDigest } from '../load/digest.js';
import { suiteFile } from '../model/paths.js';
import { asCommandPrefix, type Identity } from '../settings/identity.js';
import { formatDiagnostic } from '../yaml/diagnostics.js';
import { readYamlFile } from '../yaml/yaml-file.js';
import { parseYaml } from '../yaml/yaml-source.js';

/** What a suite's projects record of their making. */
interface Made {
  identity: Identity;
  /** Of the suite.yaml they were made from; empty in projects of an earlier version. */
  suiteDigest: string;
}

/** @throws Error with the command to give when suite.yaml has changed since the projects were made, or is gone. */
export function requireInStep(workspaceRoot: string, suite: string, record: Made): void {
  const file = suiteFile(suite);
  const make = `${asCommandPrefix(record.identity)}npx nx g ./tools:suite ${suite}`;
  const text = readYamlFile(join(workspaceRoot, file));
  if (!text.ok) {
    const { error } = text;
    const what = error.reason === 'gone' ? 'is gone, but its projects are there' : error.message;
    throw new Error(`${file} ${what}. Bring it back: git checkout -- ${file}`);
  }
  const { source, diagnostics } = parseYaml(file, text.value);
  if (diagnostics.length > 0) {
    throw new Error(
      [...diagnostics.map(formatDiagnostic), `Correct ${file}, then make its projects anew: ${make}`].join(
        '\n',
      ),
    );
  }
  if (suiteDigest(source.value) === record.suiteDigest) return;
  const why =
    record.suiteDigest === ''
      ? `the projects of suite ${suite} were made by an earlier version`
      : `${file} has changed since its projects were made, or this version makes them differently`;
  throw new Error(`${why}: what would run is the old suite. Make them anew: ${make}`);
}
