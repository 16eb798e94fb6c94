// `npm run nightly -- --seed N [--kills K]`: what takes too long for `npm test`. Five hundred random kills, the real
// smoke suite interrupted ten times, the whole ci suite on local models, all of b200 and of laptop from a hub on the
// loopback, a real pretrained model from a package, suite dose with all judges, two hundred cells under an nvidia-smi that
// is slow, fails and lies, ten minutes of executors under fire, recipes for edits, and a real Slurm with hundreds of cells
// and real ones. The seed is printed; the same one strikes at the same moments, and trains the same models.
import { parseArgs } from 'node:util';
import { execa } from 'execa';

const { values, positionals } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Date.now() / 86_400_000)) },
    kills: { type: 'string', default: '500' },
    help: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
if (values.help || !/^[1-9]\d*$/.test(values.seed) || !/^\d+$/.test(values.kills)) {
  console.log('npm run nightly -- [--seed N] [--kills K] [name of a test file]');
  process.exit(values.help ? 0 : 2);
}
console.log(`nightly: seed ${values.seed}, ${values.kills} kills`);
const { exitCode } = await execa(
  'npx',
  ['vitest', 'run', '--config', 'test/nightly/vitest.config.ts', ...positionals],
  {
    env: { CHAOS_SEED: values.seed, CHAOS_KILLS: values.kills, OMP_NUM_THREADS: '1' },
    reject: false,
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
process.exitCode = exitCode ?? 1;
