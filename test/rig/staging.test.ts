// Weights on a node's own disk with real nx and executors (storage.staging): Python is given copies, nothing else shows it.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { attemptsDirectory } from '../../tools/execution/records/attempt-paths.js';
import { deviceOf } from '../../tools/host/host.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

/** Another disk than that of the rig's weights store. */
const MEMORY = '/dev/shm';
const isOther = existsSync(MEMORY) && deviceOf(MEMORY) !== deviceOf(tmpdir());

/** Paths of what its last attempt read, by role. */
function read(rig: Rig, cell: string): Record<string, string> {
  const [project = '', target = ''] = cell.split(':');
  const of = attemptsDirectory(rig.root, project, target);
  const last = readdirSync(of).sort().at(-1) ?? '';
  const { reads } = JSON.parse(readFileSync(join(of, last, 'job.json'), 'utf8')) as {
    reads: Record<string, { path: string }>;
  };
  return Object.fromEntries(Object.entries(reads).map(([name, { path }]) => [name, path]));
}

test.skipIf(!isOther)(
  `cells load copies on the node's own disk, which no result and no hash shows (needs ${MEMORY})`,
  { timeout: 600_000 },
  async () => {
    const disk = mkdtempSync(join(MEMORY, 'validation-staging-'));
    onTestFinished(() => {
      rmSync(disk, { recursive: true, force: true });
    });
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    const env = { VALIDATION_STORAGE_STAGING: disk };
    const first = await rig.nx(['run-many', '-t', 'certify', '--output-style=static', '--verbose'], env);
    expect(first.exitCode, first.output).toBe(0);
    const [own = ''] = readdirSync(disk);
    // The baseline, two edits and an error: each copied once, whoever asked first.
    const copies = (): string[] => readdirSync(join(disk, own)).filter((name) => /^[0-9a-f]{64}$/.test(name));
    expect(copies()).toHaveLength(4);
    const told = [...first.output.matchAll(/staging: of \d weights in \S+ (\d) were there, (\d) copied/g)];
    expect(told.reduce((sum, [, , copied]) => sum + Number(copied), 0)).toBe(4);
    const certify = 'rig.m.quant_8bit_clean:certify-1';
    for (const role of ['baseline', 'subject']) expect(read(rig, certify)[role]).toContain(join(disk, own));
    // What it leaves as it is it links, within the store.
    expect(read(rig, 'rig.m.edits:edit').baseline).toContain(join(rig.root, '.weights'));
    const shown = readdirSync(join(rig.root, 'output'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'job.json')
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => readFileSync(path, 'utf8').includes(disk));
    expect(shown).toEqual([]);

    // Without it everything stands.
    rig.takeRuns();
    await rig.nx(['reset']);
    expect((await rig.certify()).output).toContain('all 15 cells finished');
    expect(rig.takeStarted()).toEqual([]);

    // Without room, and with other bytes in the store that no size and no time shows.
    rmSync(join(disk, own), { recursive: true });
    const again = ['run', certify, '--skip-nx-cache', '--excludeTaskDependencies'];
    const full = await rig.nx(again, { ...env, VALIDATION_STORAGE_STAGING_GB: '0' });
    expect(full.output).toMatch(/staging: \S+baseline\.manifest\.json is read from the store: no room in/);
    expect(full.exitCode).toBe(0);
    expect(read(rig, certify).subject).toContain(join(rig.root, '.weights'));
    const { recipe } = JSON.parse(rig.read('output/rig/m/models/quant_8bit_clean.manifest.json')) as {
      recipe: string;
    };
    const path = join(rig.root, '.weights', recipe, 'model.safetensors');
    const before = new Date(statSync(path).mtimeMs - 60_000);
    writeFileSync(path, readFileSync(path, 'utf8').replace('weights', 'WEIGHTS'));
    utimesSync(path, before, before);
    const altered = await rig.nx(again, env);
    expect(altered.output).toMatch(
      /failed \(weights_missing\): the weights of \S+quant_8bit_clean\.manifest\.json are altered: /,
    );
    expect(altered.exitCode).toBe(1);
    expect(copies()).toHaveLength(1);
  },
);
