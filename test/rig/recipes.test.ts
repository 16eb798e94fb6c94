// Every command of docs/b200.md, taken from the page itself, against real nx with the b200 suite materialised: it selects
// what the page says. A command without an entry here fails the test.
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PlanReport } from '../../tools/monitoring/forecast/report.js';
import type { Cell } from '../../tools/suite/model/cell.js';
import { planSuite } from '../../tools/suite/plan/plan.js';
import { corpus, parsed, referenceSuite } from '../suite/parse.js';
import { Rig } from '../support/rig/workspace.js';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8');
const PAGE = read('docs/b200.md');
const suites = {
  b200: planSuite(referenceSuite()),
  ci: planSuite(parsed(read('suites/ci/suite.yaml'), {}, 'ci')),
};

/** Code spans and lines of code blocks that call nx, without comments. */
function commandsOf(page: string): string[] {
  const blocks = [...page.matchAll(/```bash\n(.*?)```/gs)].flatMap(([, block = '']) => block.split('\n'));
  const spans = [...page.replace(/```.*?```/gs, '').matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
  const commands = [...blocks, ...spans].map((line) => line.replace(/\s+#.*$/, '').trim());
  return [...new Set(commands.filter((line) => line.includes('npx nx ')))];
}

/** With everything they wait for. */
function closure(cells: readonly Cell[], wanted: (cell: Cell) => boolean): string[] {
  const byId = new Map<string, Cell>(cells.map((cell) => [cell.id, cell]));
  const found = new Set<string>();
  const add = (cell: Cell | undefined): void => {
    if (cell === undefined || found.has(cell.id)) return;
    found.add(cell.id);
    for (const id of cell.dependsOn) add(byId.get(id));
  };
  cells.filter(wanted).forEach(add);
  return [...found].sort();
}

const edits = referenceSuite().models[0]?.edits ?? [];
const classOf = ({ project }: Cell): string => {
  const variant = project.split('.')[2] ?? '';
  const edit = edits.find(({ name }) => name === variant);
  return edit?.class ?? (variant.startsWith('error_') ? 'error' : variant);
};
const variantIs = (variant: string) => (cell: Cell) => cell.project.endsWith(`.${variant}`);

let rig: Rig;
let environment: Record<string, string>;
beforeAll(async () => {
  rig = new Rig(read('suites/b200/suite.yaml'));
  // Beside the suite that the repository has: a recipe must leave it alone.
  cpSync(join(REPOSITORY, 'suites/smoke'), join(rig.root, 'suites/smoke'), { recursive: true });
  for (const name of ['b200', 'ci'])
    rig.write(`suites/${name}/suite.yaml`, read(`suites/${name}/suite.yaml`));
  mkdirSync(join(rig.root, 'bin'));
  const nx = join(REPOSITORY, 'node_modules/nx/dist/bin/nx.js');
  // As npx does; what would run is only shown, where RIG_SHOW says so.
  const npx = `#!/bin/sh\nshift\ncase "$1" in run|run-many) show=$RIG_SHOW ;; *) show= ;; esac\nexec "${process.execPath}" "${nx}" "$@" $show\n`;
  writeFileSync(join(rig.root, 'bin/npx'), npx);
  chmodSync(join(rig.root, 'bin/npx'), 0o755);
  environment = {
    PATH: `${join(rig.root, 'bin')}:${process.env.PATH ?? ''}`,
    ...{ NX_DAEMON: 'false', CI: 'true', FORCE_COLOR: '0', HF_HUB_OFFLINE: '1', CUDA_VISIBLE_DEVICES: '' },
    ...{ VALIDATION_LOCK_DIR: rig.lockDirectory, NX_WORKSPACE_ROOT_PATH: rig.root },
  };
  await sh('npx nx g ./tools:suite b200');
}, 120_000);
afterAll(async () => rig[Symbol.asyncDispose]());

async function sh(command: string, show = ''): Promise<string> {
  const options = {
    cwd: rig.root,
    shell: true,
    reject: false,
    env: { ...environment, RIG_SHOW: show },
  } as const;
  const { stdout, stderr, exitCode } = await execa(command, options);
  expect(exitCode, `${command}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

/** Cells that nx would run for a command. */
async function cellsOf(command: string): Promise<string[]> {
  const shown = await sh(command, '--graph=stdout');
  const { tasks, graph } = JSON.parse(shown.slice(shown.indexOf('\n{') + 1)) as {
    tasks: { tasks: Record<string, unknown> };
    graph: { nodes: Record<string, { data: { targets: Record<string, { executor: string }> } }> };
  };
  // Of every suite; what gathers cells is none.
  return Object.keys(tasks.tasks)
    .filter((id) => {
      const [project = '', target = ''] = id.split(':');
      return graph.nodes[project]?.data.targets[target]?.executor === './tools:cell';
    })
    .sort();
}

type Check = (command: string) => Promise<void>;

const selects =
  (wanted: (cell: Cell) => boolean, cells: readonly Cell[] = suites.b200): Check =>
  async (command) => {
    const expected = closure(cells, wanted);
    expect(expected.length).toBeGreaterThan(0);
    expect(await cellsOf(command)).toEqual(expected);
  };

const everything = selects(() => true);

/** The projects of b200 after a generator's run with other variables; then as they were. */
function generates(expected: (projects: string[]) => void): Check {
  return async (command) => {
    await sh(command);
    const { stdout } = await execa('find', ['suites/b200', '-name', 'project.json'], { cwd: rig.root });
    expected(stdout.split('\n').map((path) => rig.read(path)));
    await sh('npx nx g ./tools:suite b200');
  };
}

async function plan(command: string): Promise<PlanReport> {
  await sh(`${command} --file plan.json`);
  return JSON.parse(rig.read('plan.json')) as PlanReport;
}

const CHECKS: Record<string, Check> = {
  'npm ci && npx nx g ./tools:suite b200': (command) => {
    expect(read('scripts/b200.sh')).toContain(command);
    return Promise.resolve();
  },
  'NX_PARALLEL=64 npx nx run b200:certify': everything,
  'npx nx status b200 --watch': async () => {
    expect(await sh('npx nx status b200')).toContain(`0 of ${suites.b200.length} cells finished`);
  },
  'npx nx run b200:plan': async (command) => {
    const { cells, host } = await plan(command);
    expect(cells.map(({ id }) => id).sort()).toEqual(suites.b200.map(({ id }) => id as string).sort());
    expect(host).toMatchObject({ gpus: 0, assumed: false });
    // Too long for a line of Nx's: a file, and no half of it.
    expect(await sh(`${command} --json 2>&1 || echo 'no JSON'`)).toMatch(/--file plan\.json[^]*no JSON/);
  },
  'NUM_GPUS=8 GPU_MEMORY_GB=180 npx nx run b200:plan': async (command) => {
    const { host, time, willNotFit, disk } = await plan(command);
    expect(host).toMatchObject({ gpus: 8, usableGiBPerGpu: 180, assumed: true });
    expect(willNotFit).toEqual([]);
    const hours = `${time.gpuHours.toFixed(0)} GPU-hours, about ${time.hours.toFixed(1)} h on eight GPUs of 180 GiB`;
    expect(PAGE).toContain(`${hours} (no schedule takes less than ${time.atLeastHours.toFixed(1)})`);
    expect(PAGE).toContain(`| ${(disk.wantedGiB / 1024).toFixed(1)} TiB: baselines`);
  },
  "npx nx run-many -t certify -p 'tag:model:mistral-7b-v01'": selects(
    ({ model }) => model === 'mistral-7b-v01',
  ),
  "npx nx run-many -t certify -p 'b200.*.quant_8bit_clean'": selects(variantIs('quant_8bit_clean')),
  "npx nx run-many -t certify -p 'tag:suite:b200' --exclude '*,!tag:class:clean'": selects(
    (cell) => classOf(cell) === 'clean',
  ),
  "npx nx run-many -t certify -p 'tag:suite:b200' --exclude '*,!tag:class:stress'": selects(
    (cell) => classOf(cell) === 'stress',
  ),
  "npx nx run-many -t certify -p 'tag:suite:b200' --exclude '*,!tag:class:error'": selects(
    (cell) => classOf(cell) === 'error',
  ),
  'npx nx run b200.mistral-7b-v01.quant_8bit_clean:certify': selects(
    ({ project }) => project === 'b200.mistral-7b-v01.quant_8bit_clean',
  ),
  // Of variants that one cell evaluates on all benchmarks, that one.
  "npx nx run-many -t eval-mmlu -p 'tag:suite:b200'": selects(
    ({ target }) => target === 'eval-mmlu' || target === 'eval',
  ),
  "npx nx run-many -t certify -p 'tag:suite:b200' --exclude 'tag:model:llama-2-70b-hf,tag:model:qwen15-72b,b200'":
    selects(({ model }) => !['llama-2-70b-hf', 'qwen15-72b'].includes(model)),
  'npx nx run b200.mistral-7b-v01.quant_8bit_clean:certify-1': selects(
    ({ id }) => id === 'b200.mistral-7b-v01.quant_8bit_clean:certify-1',
  ),
  "npx nx run-many -t setup -p 'tag:suite:b200'": selects(({ kind }) => kind === 'setup'),
  'npx nx run b200:calibrate': selects(({ kind }) => kind === 'calibrate' || kind === 'preset'),
  'npx nx run b200:certify': everything,
  'INVARLOCK_TIER=conservative npx nx g ./tools:suite b200': generates((projects) => {
    const certificates = projects.filter((text) => text.includes('"certify-1"'));
    expect(certificates.length).toBe(8 * 13);
    for (const text of certificates) expect(text).toContain('"tier": "conservative"');
  }),
  'MODEL_7= MODEL_8= npx nx g ./tools:suite b200': generates((projects) => {
    const models = projects.flatMap((text) => /"model:([^"]+)"/.exec(text)?.[1] ?? []);
    expect([...new Set(models)].sort()).toEqual(
      [...new Set(suites.b200.map(({ model }) => model))]
        .filter((name) => !/llama-2-70b|qwen15/.test(name))
        .sort(),
    );
  }),
  'npx nx g ./tools:suite ci && NUM_GPUS=2 npx nx run ci:certify': selects(() => true, suites.ci),
  'INVARLOCK_DATASET=data/heldout.jsonl npx nx g ./tools:suite ci && npx nx run ci:certify': async (
    command,
  ) => {
    rig.write('suites/ci/data/heldout.jsonl', corpus(9 * 400));
    await selects(() => true, suites.ci)(command);
    expect(rig.read('suites/ci/gpt2/baseline/project.json')).toContain('suites/ci/data/heldout.jsonl');
  },
  'npx nx run tools:python-env --force': async (command) => {
    expect(await sh(command, '--graph=stdout')).toContain('"tools:python-env"');
  },
};

const COMMANDS = commandsOf(PAGE);

test('every command of the page is known here, and none is left over', () => {
  expect(COMMANDS.sort()).toEqual(Object.keys(CHECKS).sort());
});

test.each(COMMANDS)('%s', { timeout: 120_000 }, async (command) => {
  await CHECKS[command]?.(command);
});
