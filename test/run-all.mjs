// `npm test`: every check and test, two steps at a time, with a count of what passed and failed as the last line.
// `node test/run-all.mjs lint unit` runs only the named steps; with --jobs 1 one after another, with their output as it comes.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';

const scratch = mkdtempSync(join(tmpdir(), 'validation-tests-'));
const python = join(process.cwd(), '.venv', 'bin', 'python');
const inPython = {
  cwd: 'tools/python',
  env: { OMP_NUM_THREADS: '1', HYPOTHESIS_STORAGE_DIRECTORY: join(scratch, 'hypothesis') },
};

/** A check that passes or fails as a whole. */
const check = (name, command, args, options = {}) => ({ name, command, args, options });
/** A test runner that leaves a report to count from. */
const counted = (name, command, args, count, options = {}) => ({ name, command, args, options, count });
const vitest = (name, args) => {
  const report = join(scratch, `${name}.json`);
  return counted(
    name,
    'npx',
    ['vitest', 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    () => countVitest(report),
  );
};

const steps = [
  check('types', 'npx', ['tsc', '-p', 'tools/tsconfig.json']),
  { ...check('python-env', 'npx', ['nx', 'run', 'tools:python-env']), needs: ['types'] },
  // The longest on one core: beside it goes all the rest.
  {
    ...counted(
      'pytest',
      python,
      ['-m', 'pytest', `--junitxml=${join(scratch, 'pytest.xml')}`, '-p', 'no:cacheprovider'],
      countPytest,
      inPython,
    ),
    needs: ['python-env'],
  },
  check('types-of-tests', 'npx', ['tsc', '-p', 'test/tsconfig.json']),
  check('lint', 'npx', ['eslint', '.']),
  check('imports', 'npx', ['depcruise', 'tools']),
  check('format', 'npx', ['prettier', '--check', '.']),
  { ...check('sync', 'npx', ['nx', 'sync:check']), needs: ['types', 'python-env'] },
  check('ruff', python, ['-m', 'ruff', 'check', '.'], inPython),
  check('ruff-format', python, ['-m', 'ruff', 'format', '--check', '.'], inPython),
  check('mypy', python, ['-m', 'mypy'], inPython),
  check('python-layers', '../../.venv/bin/lint-imports', ['--no-cache', '--no-logo'], inPython),
  // Some tests start the compiled tools.
  { ...vitest('unit', ['--project', 'unit']), needs: ['types', 'python-env'] },
  { ...vitest('slow', ['--project', 'slow']), needs: ['types', 'python-env'] },
  { ...vitest('e2e', ['--config', 'test/e2e/vitest.config.ts']), needs: ['slow', 'pytest'] },
];

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { jobs: { type: 'string', default: '2' } },
});
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; steps are ${steps.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const jobs = Number(values.jobs);
if (!Number.isInteger(jobs) || jobs < 1) {
  console.error(`--jobs: a whole number of 1 or more, not ${values.jobs}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
const unhappy = [];
/** Each test that failed, and the first line of why: the output of its step may be long past. */
const failures = [];
/** Each test that was skipped, for what this machine lacks. */
const skips = [];
// Steps run in the order they are named in; one that another needs is named before it.
const queue =
  wanted.length === 0 ? [...steps] : wanted.map((name) => steps.find((step) => step.name === name));
/** The ends of steps that were begun, by name. A step that is needed stands before whoever needs it. */
const ends = new Map();
await Promise.all(Array.from({ length: jobs }, work));

/** Take one step after another until none is left; one that needs another waits for that one's end. */
async function work() {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    const run = Promise.all((step.needs ?? []).map((name) => ends.get(name))).then(() => runStep(step));
    ends.set(step.name, run);
    await run;
  }
}

async function runStep({ name, command, args, options, count }) {
  const began = Date.now();
  const title = `\n── ${name}: ${[command === python ? 'python' : command, ...args.filter((arg) => !arg.includes(scratch))].join(' ')}`;
  // Several at a time would mix their lines: each one's output is then printed when it ends.
  const together = jobs > 1;
  console.log(together ? `── ${name}: begins` : title);
  const { exitCode, all } = await execa(command, args, {
    ...options,
    reject: false,
    ...(together ? { stdin: 'ignore', all: true } : { stdio: ['ignore', 'inherit', 'inherit'] }),
  });
  if (together) console.log(`${title}\n${all}`);
  const good = exitCode === 0;
  const counts = count?.() ?? { passed: good ? 1 : 0, failed: good ? 0 : 1 };
  // A runner that died before its report, or fails for a reason no single test shows.
  if (!good && counts.failed === 0) counts.failed = 1;
  passed += counts.passed;
  failed += counts.failed;
  if (!good) unhappy.push(name);
  failures.push(...(counts.failures ?? []).map((line) => `${name}: ${line}`));
  skips.push(...(counts.skips ?? []).map((line) => `${name}: ${line}`));
  console.log(
    `── ${name}: ${good ? 'ok' : `FAILED (exit code ${exitCode})`}, ${((Date.now() - began) / 1000).toFixed(0)} s`,
  );
}
rmSync(scratch, { recursive: true, force: true });
if (skips.length > 0) console.log(`\n${skips.length} skipped:\n  ${skips.join('\n  ')}`);
if (unhappy.length > 0) console.log(`\nfailed steps: ${unhappy.join(', ')}`);
for (const line of failures) console.log(`  ${line}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function countVitest(report) {
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  const failures = testResults.flatMap(({ name, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const bad = assertionResults.filter(({ status }) => status === 'failed');
    // A file that could not be loaded has no tests.
    if (assertionResults.length === 0 && message) return [`${file}: ${firstLine(message)}`];
    return bad.map(
      ({ fullName, failureMessages }) =>
        `${file} > ${fullName.trim()}: ${firstLine(failureMessages[0] ?? '')}`,
    );
  });
  const skips = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'skipped' || status === 'pending')
      .map(({ fullName }) => `${relative(process.cwd(), name)} > ${fullName.trim()}`),
  );
  return { passed: numPassedTests, failed: numFailedTests, failures, skips };
}

function countPytest() {
  const report = join(scratch, 'pytest.xml');
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const text = readFileSync(report, 'utf8');
  const suite = /<testsuite [^>]*>/.exec(text)?.[0] ?? '';
  const number = (key) => Number(new RegExp(` ${key}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const bad = number('errors') + number('failures');
  const ended = (how) =>
    [
      ...text.matchAll(
        new RegExp(
          `<testcase classname="([^"]*)" name="([^"]*)"[^>]*><(?:${how})[^>]*? message="([^"]*)"`,
          'g',
        ),
      ),
    ].map(([, where, name, message]) => `${where}::${name}: ${firstLine(message)}`);
  return {
    passed: number('tests') - bad - number('skipped'),
    failed: bad,
    failures: ended('failure|error'),
    skips: ended('skipped'),
  };
}

function firstLine(text) {
  return text.split(/\n|&#10;/)[0].slice(0, 300);
}
