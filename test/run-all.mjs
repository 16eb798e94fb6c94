// `npm test`: every check and test, one after another, with a count of what passed and failed as the last line.
// `node test/run-all.mjs lint vitest` runs only the named steps.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  check('types-of-tests', 'npx', ['tsc', '-p', 'test/tsconfig.json']),
  check('lint', 'npx', ['eslint', '.']),
  check('format', 'npx', ['prettier', '--check', '.']),
  check('python-env', 'npx', ['nx', 'run', 'tools:python-env']),
  check('sync', 'npx', ['nx', 'sync:check']),
  check('ruff', python, ['-m', 'ruff', 'check', '.'], inPython),
  check('ruff-format', python, ['-m', 'ruff', 'format', '--check', '.'], inPython),
  check('mypy', python, ['-m', 'mypy'], inPython),
  check('python-layers', '../../.venv/bin/lint-imports', ['--no-cache', '--no-logo'], inPython),
  vitest('vitest', []),
  counted(
    'pytest',
    python,
    ['-m', 'pytest', `--junitxml=${join(scratch, 'pytest.xml')}`, '-p', 'no:cacheprovider'],
    countPytest,
    inPython,
  ),
  vitest('e2e', ['--config', 'test/e2e/vitest.config.ts']),
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; steps are ${steps.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
const unhappy = [];
for (const { name, command, args, options, count } of steps) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const began = Date.now();
  console.log(
    `\n── ${name}: ${[command === python ? 'python' : command, ...args.filter((arg) => !arg.includes(scratch))].join(' ')}`,
  );
  const { exitCode } = await execa(command, args, {
    ...options,
    reject: false,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const good = exitCode === 0;
  const counts = count?.() ?? { passed: good ? 1 : 0, failed: good ? 0 : 1 };
  // A runner that died before its report, or fails for a reason no single test shows.
  if (!good && counts.failed === 0) counts.failed = 1;
  passed += counts.passed;
  failed += counts.failed;
  if (!good) unhappy.push(name);
  console.log(
    `── ${name}: ${good ? 'ok' : `FAILED (exit code ${exitCode})`}, ${((Date.now() - began) / 1000).toFixed(0)} s`,
  );
}
rmSync(scratch, { recursive: true, force: true });
if (unhappy.length > 0) console.log(`\nfailed steps: ${unhappy.join(', ')}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function countVitest(report) {
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
  return { passed: numPassedTests, failed: numFailedTests };
}

function countPytest() {
  const report = join(scratch, 'pytest.xml');
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const suite = /<testsuite [^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? '';
  const number = (key) => Number(new RegExp(` ${key}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const bad = number('errors') + number('failures');
  return { passed: number('tests') - bad - number('skipped'), failed: bad };
}
