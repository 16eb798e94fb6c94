// Judges that measure for themselves: their cells are planned where a suite names them, and change nothing else.
import { describe, expect, test } from 'vitest';
import { projectFiles } from '../../../tools/suite/nx/project-json.js';
import { planSuite } from '../../../tools/suite/plan/plan.js';
import { additionOf } from '../../../tools/suite/plan/original.js';
import { parsed } from '../parse.js';

const SUITE =
  'models: [{ id: a/m-7b }, { id: a/n-7b, mode: per-edit }]\nerrors: [nan_injection, zero_layer]\n';
type Targets = Record<string, { dependsOn: unknown }>;

/** All but the one that gathers the rest. */
function othersOf(text: string): [string, Targets[string]][] {
  const { targets } = JSON.parse(text) as { targets: Targets };
  return Object.entries(targets).filter(([target]) => target !== 'certify');
}

describe.each([
  ['invarlock-true-baseline', ['guards'], () => true],
  ['invarlock-0.12', ['certify-0.12', 'baseline-0.12'], () => true],
  // Errors of NaN or Inf are not evaluated.
  ['invarlock-0.17', ['regression'], (project: string) => !project.endsWith('.error_nan_injection')],
])('%s', (judge, own, has) => {
  const plain = parsed(SUITE);
  const asked = parsed(`${SUITE}judges: [invarlock, ${judge}]\n`);
  const isOwn = (target: string): boolean =>
    own.some((one) => target === one || target.startsWith(`${one}-`));

  test('adds its cells, one for each edit and error it can judge', () => {
    const added = planSuite(asked).filter(({ target }) => isOwn(target));
    const variants = new Set(
      planSuite(plain)
        .filter(({ kind }) => kind === 'certify')
        .map(({ project }) => project)
        .filter((project) => !project.endsWith('.baseline') && has(project)),
    );
    expect(
      added.filter(({ project }) => !project.endsWith('.baseline')).map(({ project }) => project),
    ).toEqual([...variants]);
    for (const { id } of added) expect(additionOf(id)).toBe('cell of a judge');
  });

  test('leaves every other cell as it was: same hash, same place in the order', () => {
    expect(planSuite(asked).filter(({ target }) => !isOwn(target))).toEqual(planSuite(plain));
    const before = new Map(projectFiles(plain).map(({ path, text }) => [path, text]));
    for (const { path, text } of projectFiles(asked).slice(1)) {
      const others = othersOf(text).filter(([target]) => !isOwn(target));
      expect(
        others.map(([target, { ...options }]) => [target, { ...options, metadata: null }]),
        path,
      ).toEqual(
        othersOf(before.get(path) ?? '{}').map(([target, options]) => [
          target,
          { ...options, metadata: null },
        ]),
      );
    }
  });

  test('is planned nowhere by default', () => {
    expect(planSuite(plain).filter(({ target }) => isOwn(target))).toEqual([]);
  });
});
