// OUTPUT_DIR on a second device: the original script's whole tree by copies, repaired by the next run, and never half a file.
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test, type TestContext } from 'vitest';
import { seeded } from '../support/seeded.mjs';
import { secondDevice, type SecondDevice } from '../support/rig/second-device.js';
import { Rig, SMALL_SUITE } from '../support/rig/workspace.js';

const UNFINISHED = /\.(publishing|tmp)$/;
const PUBLISHER = join(
  import.meta.dirname,
  '..',
  '..',
  'tools',
  'dist',
  'results',
  'publishing',
  'published-view.js',
);

async function deviceOr(context: TestContext): Promise<SecondDevice> {
  const device = await secondDevice();
  if (device === undefined) context.skip('there is no second file system, and none may be mounted here');
  return device;
}

/** Files and links below a directory, relative, without the publisher's own list. */
function tree(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => path !== '.published.json')
    .sort();
}

/** Every file of the source in the view, byte for byte; weights as links to the same place. */
function expectWhole(source: string, view: string): void {
  expect(tree(view)).toEqual(tree(source));
  for (const path of tree(source)) {
    const [from, to] = [join(source, path), join(view, path)];
    if (lstatSync(from).isSymbolicLink()) expect(readlinkSync(to), path).toBe(realpathSync(from));
    else expect(readFileSync(to).equals(readFileSync(from)), path).toBe(true);
  }
}

test('the tree of a run is published, and repaired by the next', { timeout: 180_000 }, async (context) => {
  const device = await deviceOr(context);
  try {
    await using rig = new Rig(SMALL_SUITE);
    await rig.generate();
    const view = join(device.directory, 'runs', 'friday');
    const source = join(rig.root, 'output/rig');
    const run = async (): Promise<string> => {
      const { exitCode, output } = await rig.nx(['run-many', '-t', 'certify'], { OUTPUT_DIR: view });
      expect(exitCode).toBe(0);
      expect(output).not.toContain('was not published');
      return output;
    };
    expect(await run()).toContain(`published in ${view} (${tree(source).length} new)`);
    expectWhole(source, view);
    for (const path of [
      'models/m/baseline',
      'presets/calibrated_preset_m.yaml',
      'm/models/quant_8bit_clean',
      'm/evals/baseline_results.json',
      'm/certificates/calibration/calibration_stats.json',
      'm/certificates/quant_8bit_clean/run_1/evaluation.cert.json',
      'm/certificates/errors/nan_injection/evaluation.cert.json',
      'analysis/eval_results.csv',
      'analysis/invarlock_results.csv',
      'reports/final_verdict.txt',
      'reports/final_verdict.json',
    ]) {
      expect(tree(view), path).toContain(path);
    }
    expect(statSync(join(view, 'reports/final_verdict.txt')).dev).not.toBe(statSync(source).dev);

    // Results that Nx restored, with new times, are not copied again.
    const copies = (): number[] =>
      tree(view)
        .filter((path) => path.startsWith('m/'))
        .map((path) => lstatSync(join(view, path)).ino);
    const before = copies();
    await run();
    expect(copies()).toEqual(before);
    expectWhole(source, view);

    rmSync(join(view, 'm/certificates'), { recursive: true });
    const same = join(view, 'm/evals/baseline_results.json');
    writeFileSync(same, readFileSync(same, 'utf8').replaceAll('0', '1'));
    appendFileSync(join(view, 'presets/calibrated_preset_m.yaml'), 'torn');
    rmSync(join(view, 'models/m/baseline'));
    writeFileSync(join(view, 'notes.md'), 'mine');
    await run();
    expect(readFileSync(join(view, 'notes.md'), 'utf8')).toBe('mine');
    rmSync(join(view, 'notes.md'));
    expectWhole(source, view);
    expect(rig.takeStarted().filter((cell) => cell.endsWith(':setup'))).toHaveLength(1);
  } finally {
    await device.release();
  }
});

test(
  'killed at any moment, there is no half file, and the next time all of it',
  { timeout: 240_000 },
  async (context) => {
    const device = await deviceOr(context);
    const root = mkdtempSync(join(tmpdir(), 'validation-publish-'));
    try {
      const source = join(root, 'output/x');
      const write = (round: number): void => {
        for (let index = 0; index < 40; index += 1) {
          const directory = join(source, `m/evals/${index % 4}`);
          mkdirSync(directory, { recursive: true });
          writeFileSync(join(directory, `${index}.json`), Buffer.alloc(2 << 20, round * 40 + index));
        }
      };
      write(0);
      const view = join(device.directory, 'view');
      const script = `import { publishView } from ${JSON.stringify(PUBLISHER)}; publishView(${JSON.stringify(root)}, 'x', ${JSON.stringify(view)});`;
      const publish = () =>
        execa(process.execPath, ['--input-type=module', '-e', script], { reject: false, all: true });

      expect((await publish()).exitCode).toBe(0);
      expectWhole(source, view);
      const random = seeded(Number(process.env.CHAOS_SEED ?? 1));
      let died = 0;
      for (let round = 1; round <= 12; round += 1) {
        // Every other time into an empty place: nothing lists yet what is there.
        if (round % 2 === 0) rmSync(view, { recursive: true, force: true });
        const before = new Map(tryTree(view).map((path) => [path, readFileSync(join(view, path))]));
        write(round);
        const run = publish();
        if (await copying(view, Math.ceil(random() * 8), run)) run.kill('SIGKILL');
        if ((await run).signal === 'SIGKILL') died += 1;
        for (const path of tryTree(view).filter((name) => !UNFINISHED.test(name))) {
          const found = readFileSync(join(view, path));
          const whole = found.equals(readFileSync(join(source, path))) || before.get(path)?.equals(found);
          expect(whole, `round ${round}: ${path}`).toBe(true);
        }
        // Results change again before somebody publishes them.
        write(round + 100);
        expect(await publish()).toMatchObject({ exitCode: 0, all: '' });
        expectWhole(source, view);
      }
      expect(died).toBeGreaterThan(0);
      console.log(`killed ${died} of 12 times while it copied`);
    } finally {
      rmSync(root, { recursive: true, force: true });
      await device.release();
    }
  },
);

/** Waits until so many of its temporary files were seen; false: it was over before. */
async function copying(view: string, count: number, run: PromiseLike<unknown>): Promise<boolean> {
  const state = { over: false };
  void run.then(() => (state.over = true));
  const seen = new Set<string>();
  while (!state.over && seen.size < count) {
    for (const path of tryTree(view)) if (UNFINISHED.test(path)) seen.add(path);
    await immediate();
  }
  return !state.over;
}

function tryTree(root: string): string[] {
  return statSync(root, { throwIfNoEntry: false }) === undefined ? [] : tree(root);
}
