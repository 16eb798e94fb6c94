// `npm run test:gpu`: the suite on the GPUs of this host. `-- NAME…` runs only the tests whose names contain NAME; `-- --help`.
import { execa } from 'execa';
import { join } from 'node:path';

const names = process.argv.slice(2);
if (names.some((name) => name.startsWith('-'))) {
  console.log(
    'npm run test:gpu -- [part of a test’s name …]\n' +
      'Needs nvidia-smi, and two GPUs for the tests that say so.\n' +
      'TEST_GPUS (all): indices of the GPUs to use, as 0 or 0,2.\n' +
      'SMOKE_MODEL: only this model of the smoke suite.\n' +
      'WIDE_LAYERS (16): blocks of the model of a 7B’s shape; WIDE_STRESS=no: its clean edits only.\n' +
      'JUDGEMENTS: a file that keeps the judgements of the smoke suite, so that runs are compared.',
  );
  process.exit(names.includes('--help') ? 0 : 2);
}
const { exitCode } = await execa(
  process.execPath,
  [
    '--test',
    '--test-reporter=spec',
    ...names.map((name) => `--test-name-pattern=${name}`),
    join(import.meta.dirname, 'suite.test.mjs'),
  ],
  { reject: false, stdio: 'inherit' },
);
process.exitCode = exitCode ?? 1;
