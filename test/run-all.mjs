// `npm test`: every check and test, two steps at a time, with a count of what passed and failed as the last line.
// Test files of which a test failed run once more, alone, when all else is over: what passes then is named as unstable,
// which is a fault to look into, but not one of this change. More than three such files are not tried again.
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
  return {
    ...counted(
      name,
      'npx',
      ['vitest', 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
      () => countVitest(report),
    ),
    again: (files) => vitest(`${name}-again`, [...args, ...files]),
  };
};
const pytest = (name, args) => {
  const report = join(scratch, `${name}.xml`);
  return {
    ...counted(
      name,
      python,
      ['-m', 'pytest', `--junitxml=${report}`, '-p', 'no:cacheprovider', ...args],
      () => countPytest(report),
      inPython,
    ),
    again: (files) => pytest(`${name}-again`, files),
  };
};

// In the order they begin in, as soon as what they need is over: the longest first, so that the short ones fill what is left.
const steps = [
  check('types', 'npx', ['tsc', '-p', 'tools/tsconfig.json']),
  { ...check('python-env', 'npx', ['nx', 'run', 'tools:python-env']), needs: ['types'] },
  { ...pytest('pytest', []), needs: ['python-env'] },
  // Some tests start the compiled tools.
  { ...vitest('slow', ['--project', 'slow']), needs: ['types', 'python-env'] },
  { ...vitest('e2e', ['--config', 'test/e2e/vitest.config.ts']), needs: ['slow'] },
  check('types-of-tests', 'npx', ['tsc', '-p', 'test/tsconfig.json']),
  check('lint', 'npx', ['eslint', '.']),
  check('imports', 'npx', ['depcruise', 'tools']),
  check('format', 'npx', ['prettier', '--check', '.']),
  { ...vitest('unit', ['--project', 'unit']), needs: ['types', 'python-env'] },
  { ...check('sync', 'npx', ['nx', 'sync:check']), needs: ['types', 'python-env'] },
  { ...check('ruff', python, ['-m', 'ruff', 'check', '.'], inPython), needs: ['python-env'] },
  {
    ...check('ruff-format', python, ['-m', 'ruff', 'format', '--check', '.'], inPython),
    needs: ['python-env'],
  },
  { ...check('mypy', python, ['-m', 'mypy'], inPython), needs: ['python-env'] },
  {
    ...check('python-layers', '../../.venv/bin/lint-imports', ['--no-cache', '--no-logo'], inPython),
    needs: ['python-env'],
  },
];

const MOST_FILES_AGAIN = 3;

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

/** What each step counted, by name. */
const results = new Map();
const queue =
  wanted.length === 0 ? [...steps] : wanted.map((name) => steps.find((step) => step.name === name));
/** Runs of steps that were begun and are not over, by name. */
const underWay = new Map();
await Promise.all(Array.from({ length: jobs }, work));
const unstable = await tryAgain();

/** Take the first step that waits for none of the others, until none is left. */
async function work() {
  for (;;) {
    const at = queue.findIndex(({ needs = [] }) => !needs.some(isOpen));
    if (at >= 0) {
      const [step] = queue.splice(at, 1);
      const run = runStep(step).finally(() => underWay.delete(step.name));
      underWay.set(step.name, run);
      await run;
    } else if (underWay.size > 0) await Promise.race(underWay.values());
    else return;
  }
}

/** Whether a step is wanted and not over. */
function isOpen(name) {
  return underWay.has(name) || queue.some((step) => step.name === name);
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
  results.set(name, { good, failures: [], skips: [], ...counts });
  console.log(
    `── ${name}: ${good ? 'ok' : `FAILED (exit code ${exitCode})`}, ${((Date.now() - began) / 1000).toFixed(0)} s`,
  );
}

/** Run the test files with failures once more, where they are few; the tests that pass now, each in a line. */
async function tryAgain() {
  const candidates = steps.flatMap((step) => {
    const { good, failures } = results.get(step.name) ?? { good: true };
    return good || step.again === undefined ? [] : [{ step, files: filesOf(failures) }];
  });
  if (candidates.flatMap(({ files }) => files).length > MOST_FILES_AGAIN) return [];
  const lines = [];
  for (const { step, files } of candidates) {
    const before = results.get(step.name);
    // Not where something failed that no test of a file shows.
    if (files.length === 0 || before.failures.length !== before.failed) continue;
    const again = step.again(files);
    await runStep(again);
    const after = results.get(again.name);
    results.delete(again.name);
    if (!after.good) continue;
    results.set(step.name, {
      ...before,
      good: true,
      passed: before.passed + before.failed,
      failed: 0,
      failures: [],
    });
    lines.push(...before.failures.map((failure) => lineOf(step.name, failure)));
  }
  return lines;
}

function filesOf(failures) {
  return [...new Set(failures.map(({ file }) => file))];
}

function lineOf(step, { file, test, why }) {
  return `${step}: ${file}${test === undefined ? '' : ` > ${test}`}: ${why}`;
}

rmSync(scratch, { recursive: true, force: true });
const all = [...results].map(([name, result]) => ({ name, ...result }));
const skips = all.flatMap(({ name, skips }) => skips.map((skip) => lineOf(name, skip)));
if (skips.length > 0) console.log(`\n${skips.length} skipped:\n  ${skips.join('\n  ')}`);
if (unstable.length > 0)
  console.log(`\nunstable: failed, and passed when run again alone:\n  ${unstable.join('\n  ')}`);
const unhappy = all.filter(({ good }) => !good);
if (unhappy.length > 0) console.log(`\nfailed steps: ${unhappy.map(({ name }) => name).join(', ')}`);
for (const { name, failures } of unhappy)
  for (const failure of failures) console.log(`  ${lineOf(name, failure)}`);
const sum = (key) => all.reduce((total, result) => total + result[key], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = unhappy.length === 0 ? 0 : 1;

function countVitest(report) {
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const bad = assertionResults.filter(({ status }) => status === 'failed');
    // A file that could not be loaded, or prepared, has no test that failed.
    if (status === 'failed' && bad.length === 0) return [{ file, why: firstLine(message ?? '') }];
    return bad.map(({ fullName, failureMessages }) => ({
      ...{ file, test: fullName.trim() },
      why: firstLine(failureMessages[0] ?? ''),
    }));
  });
  const skips = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'skipped' || status === 'pending')
      .map(({ fullName }) => ({
        ...{ file: relative(process.cwd(), name), test: fullName.trim() },
        why: 'skipped',
      })),
  );
  return { passed: numPassedTests, failed: Math.max(numFailedTests, failures.length), failures, skips };
}

function countPytest(report) {
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
    ].map(([, where, test, message]) => ({
      // Of a class in a file: tests.cells.test_edit.TestClass
      ...{ file: `${where.replace(/\.Test\w*$/, '').replaceAll('.', '/')}.py`, test },
      why: firstLine(message),
    }));
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
