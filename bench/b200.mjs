// The b200 suite of 574 cells: making its projects, a run that finds everything cached against Nx's own time for as many
// empty tasks, and nx sync:check. Python is scripted: it leaves in no time what cells leave.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Checkout } from '../test/e2e/checkout.mjs';
import { line, median } from './print.mjs';

const ROOT = join(import.meta.dirname, '..');
const NX = join(ROOT, 'node_modules/nx/dist/bin/nx.js');
const REPETITIONS = 5;

export async function b200() {
  const checkout = await Checkout.create();
  const empty = mkdtempSync(join(tmpdir(), 'validation-bench-empty-'));
  const plain = mkdtempSync(join(tmpdir(), 'validation-bench-plain-'));
  try {
    // This suite alone, as on a host of its own.
    rmSync(join(checkout.root, 'suites/smoke'), { recursive: true });
    scriptPython(checkout.root);
    await making(checkout);
    await cached(checkout, empty, plain);
  } finally {
    await checkout[Symbol.asyncDispose]();
    for (const root of [empty, plain]) rmSync(root, { recursive: true, force: true });
  }
}

/** The generator alone, in a new process each time, and the whole command. */
async function making(checkout) {
  const script = `
    const { createRequire } = await import('node:module');
    const { FsTree, flushChanges } = createRequire(import.meta.url)(${JSON.stringify(join(ROOT, 'node_modules/nx/dist/src/generators/tree.js'))});
    const began = performance.now();
    const { default: generate } = await import('./tools/dist/generators/suite.js');
    const imported = performance.now();
    const tree = new FsTree(process.cwd(), false);
    await generate(tree, { name: 'b200' }, { HF_HUB_OFFLINE: '1' });
    const planned = performance.now();
    flushChanges(process.cwd(), tree.listChanges());
    const written = performance.now();
    console.log(JSON.stringify({ imports: imported - began, plan: planned - imported, write: written - planned, files: tree.listChanges().length }));`;
  const own = [];
  const whole = [];
  for (let i = 0; i < REPETITIONS; i += 1) {
    forget(checkout.root);
    const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script], {
      cwd: checkout.root,
    });
    own.push(JSON.parse(stdout.trim().split('\n').at(-1)));
    forget(checkout.root);
    whole.push((await nx(checkout.root, 'g', './tools:suite', 'b200')).seconds);
  }
  const of = (key) => median(own.map((run) => run[key]));
  line('the generator: its imports', `${of('imports').toFixed(0)} ms`);
  line(`  planning, ${own[0].files} projects`, `${of('plan').toFixed(0)} ms`);
  line('  writing them', `${of('write').toFixed(0)} ms`);
  line('  planning and writing (goal 1000 ms)', `${(of('plan') + of('write')).toFixed(0)} ms`);
  line('npx nx g ./tools:suite b200, all of it', `${median(whole).toFixed(1)} s`);
}

/** Runs in turn, so that whatever else the machine does meets all alike. */
async function cached(checkout, empty, plain) {
  const run = ['run-many', '-t', 'certify', '-p', 'tag:suite:b200'];
  const tasks = layTasks(checkout.root, empty, nothing);
  layTasks(checkout.root, plain, files);
  const first = await nx(checkout.root, ...run);
  line('first run: executors and scripted Python', `${first.seconds.toFixed(0)} s`);
  const workspaces = { own: checkout.root, empty, plain };
  const times = { own: [], empty: [], plain: [] };
  for (const root of [empty, plain]) await nx(root, ...run);
  for (let i = 0; i < REPETITIONS; i += 1) {
    for (const [name, root] of Object.entries(workspaces)) times[name].push(await allCached(root, run));
  }
  const of = (name) => median(times[name]);
  line(`${tasks} cells, all cached`, `${of('own').toFixed(2)} s`);
  line(`${tasks} empty tasks, all cached: Nx itself`, `${of('empty').toFixed(2)} s`);
  line('  ratio (goal 1.3)', `${(of('own') / of('empty')).toFixed(2)} x`);
  line(`${tasks} tasks with as many inputs and output files`, `${of('plain').toFixed(2)} s`);
  line('  ratio', `${(of('own') / of('plain')).toFixed(2)} x`);
  const sync = [];
  for (let i = 0; i < REPETITIONS; i += 1) sync.push((await nx(checkout.root, 'sync:check')).seconds);
  line('nx sync:check', `${median(sync).toFixed(2)} s`);
}

/** What a task of the comparison has of a cell's. */
const nothing = () => ({ command: 'true', inputs: [{ externalDependencies: [] }], outputs: [] });
const files = ({ inputs, outputs }) => {
  const paths = outputs.map((path) => path.replace('{workspaceRoot}/', ''));
  const made = paths.map((path) => `mkdir -p ${join(path, '..')} && echo '${path}' > ${path}`);
  // The look at the machine is the suite's own.
  return { command: made.join(' && '), inputs: inputs.filter((one) => one.runtime === undefined), outputs };
};

async function allCached(root, run) {
  const { output, seconds } = await nx(root, ...run);
  const [, hits, all] = /Cache: +(\d+)\/(\d+) hit/.exec(output) ?? [];
  // The suite's own verdict and the Python environment are looked at in every run.
  if (hits === undefined || Number(all) - Number(hits) > UNCACHED)
    throw new Error(`not all cached:\n${output}`);
  return seconds;
}

/** Targets without a cache that the run has: gathering ones, which do nothing, and the suite's. */
let UNCACHED = 0;

/** The same projects, targets, dependencies and caching, with Nx's own executors. */
function layTasks(from, to, taskOf) {
  let cells = 0;
  UNCACHED = 2;
  cpSync(join(from, 'tools/python'), join(to, 'tools/python'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(to, 'node_modules'));
  for (const file of ['package.json', 'nx.json', '.env']) cpSync(join(from, file), join(to, file));
  mkdirSync(join(to, 'workspace-config'));
  const base = JSON.parse(readFileSync(join(from, 'workspace-config/nx.base.json'), 'utf8'));
  const plain = { ...base, plugins: [], sync: undefined };
  writeFileSync(join(to, 'workspace-config/nx.base.json'), JSON.stringify(plain));
  writeFileSync(join(to, '.gitignore'), 'node_modules\n.nx\noutput\n');
  const files = readdirSync(join(from, 'suites/b200'), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('project.json'))) {
    const project = JSON.parse(readFileSync(join(from, 'suites/b200', file), 'utf8'));
    const targets = Object.entries(project.targets).map(([name, target]) => {
      const isCell = target.executor === './tools:cell';
      if (isCell) cells += 1;
      else UNCACHED += 1;
      const dependsOn = (target.dependsOn ?? []).filter((one) => one.target !== 'python-env');
      const { command, inputs, outputs } = isCell ? taskOf(target) : {};
      return [
        name,
        isCell
          ? { executor: 'nx:run-commands', options: { command }, cache: true, inputs, outputs, dependsOn }
          : { executor: 'nx:noop', cache: false, dependsOn },
      ];
    });
    mkdirSync(join(to, 'suites/b200', file, '..'), { recursive: true });
    writeFileSync(
      join(to, 'suites/b200', file),
      JSON.stringify({ ...project, targets: Object.fromEntries(targets) }),
    );
  }
  return cells;
}

function forget(root) {
  for (const name of readdirSync(join(root, 'suites/b200'))) {
    if (name !== 'suite.yaml') rmSync(join(root, 'suites/b200', name), { recursive: true });
  }
}

/** In place of .venv: leaves what cells leave. */
function scriptPython(root) {
  const lock = readFileSync(join(root, 'tools/python/requirements.lock'));
  rmSync(join(root, '.venv'));
  mkdirSync(join(root, '.venv/bin'), { recursive: true });
  writeFileSync(join(root, '.venv/validation-lock'), createHash('sha256').update(lock).digest('hex'));
  const scripted = join(ROOT, 'test/support/rig/scripted-python.mjs');
  writeFileSync(join(root, '.venv/bin/python'), `#!/bin/sh\nexec "${process.execPath}" "${scripted}" "$@"\n`);
  chmodSync(join(root, '.venv/bin/python'), 0o755);
  const site = join(root, 'workspace-config/site.yaml');
  writeFileSync(site, readFileSync(site, 'utf8').replace('slots: auto', 'slots: 32'));
}

async function nx(root, ...args) {
  const began = performance.now();
  const { exitCode, all } = await execa(process.execPath, [NX, ...args], {
    ...{ cwd: root, reject: false, all: true, stdin: 'ignore' },
    env: {
      ...{ NX_DAEMON: 'false', NX_TUI: 'false', NX_PARALLEL: '16', NX_WORKSPACE_ROOT_PATH: root },
      ...{
        VALIDATION_LOCK_DIR: join(root, '.nx/locks'),
        VALIDATION_PYTHON_WARM: 'false',
        RIG_WORKSPACE: root,
      },
      ...{ CUDA_VISIBLE_DEVICES: '', HF_HUB_OFFLINE: '1' },
      // Memory and disk of a host this machine is not.
      NODE_OPTIONS: `--import ${join(ROOT, 'test/support/rig/big-host.mjs')}`,
    },
  });
  if (exitCode !== 0) throw new Error(`nx ${args.join(' ')} ended with ${exitCode}:\n${all.slice(-4000)}`);
  return { output: all, seconds: (performance.now() - began) / 1000 };
}
