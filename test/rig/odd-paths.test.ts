// A workspace, a store and a model's directory with names a shell would act upon: everything is passed as it is.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const ODD = `we ird; touch pwned; 'x" $(touch pwned) & #`;

test('names with blanks, quotes and commands in them run nothing', { timeout: 180_000 }, async () => {
  await using rig = new Rig(
    SMALL_SUITE.replace('facts: { architecture: llama }', `path: ${JSON.stringify(`models/${ODD}`)}`),
    {
      prefix: `validation-rig ${ODD} `,
    },
  );
  mkdirSync(join(rig.root, 'suites/rig/models', ODD), { recursive: true });
  rig.write(`suites/rig/models/${ODD}/config.json`, '{}');
  rig.edit('workspace-config/site.yaml', (text) =>
    text.replace('root: .weights', `root: ${JSON.stringify(`.weights ${ODD}`)}`),
  );
  await rig.generate();
  const { exitCode, output } = await rig.certify();
  expect(output).toContain('all 15 cells finished');
  expect(exitCode).toBe(0);
  expect(readdirSync(join(rig.root, `.weights ${ODD}`)).length).toBeGreaterThan(3);
  for (const place of [rig.root, process.cwd(), homedir(), join(rig.root, '..')]) {
    expect(existsSync(join(place, 'pwned')), place).toBe(false);
  }
  const everywhere = readdirSync(rig.root, { recursive: true, encoding: 'utf8' });
  expect(everywhere.filter((path) => path.endsWith('/pwned'))).toEqual([]);
});
