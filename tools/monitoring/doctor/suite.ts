// What of the suite itself would be refused: mistakes in suite.yaml, InvarLock's minimums, projects that are not made.
import { messageOf } from '../../base/message.js';
import { readGeneratedSuite, type GeneratedSuite } from '../../suite/nx/generated.js';
import { loadSuite } from '../../suite/load/load.js';
import { formatDiagnostic } from '../../suite/yaml/diagnostics.js';
import { requireRecorded } from '../../suite/nx/record.js';
import { error, ok, type Finding } from './finding.js';

export function suiteFile(workspaceRoot: string, suite: string): Finding[] {
  const loaded = loadSuite(workspaceRoot, suite);
  if (!loaded.ok) {
    return loaded.error.map((diagnostic) =>
      error('suite.yaml', formatDiagnostic(diagnostic), 'Change it there.'),
    );
  }
  const { warnings } = loaded.value;
  if (warnings.length === 0)
    return [ok('InvarLock minimums', 'windows, stride and replicates are what it accepts')];
  // `windows: reference` was asked for by name; every certificate of it would be refused.
  const fix = 'Leave out `windows: reference` in suite.yaml.';
  return warnings.map((diagnostic) => error('InvarLock minimums', formatDiagnostic(diagnostic), fix));
}

export function projects(
  workspaceRoot: string,
  suite: string,
): { generated: GeneratedSuite | undefined; findings: Finding[] } {
  const fix = `Run: npx nx g ./tools:suite ${suite}`;
  let generated: GeneratedSuite | undefined;
  try {
    generated = readGeneratedSuite(workspaceRoot, suite);
    if (generated === undefined) {
      return { generated, findings: [error('projects', `none are made of ${suite}`, fix)] };
    }
    requireRecorded(workspaceRoot, suite, process.env);
    return { generated, findings: [ok('projects', `${generated.cells.length} cells`)] };
  } catch (cause) {
    // What was made can still be examined for disk, data and models.
    return { generated, findings: [error('projects', messageOf(cause), fix)] };
  }
}
