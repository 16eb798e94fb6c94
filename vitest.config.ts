import { configDefaults, defineConfig } from 'vitest/config';

const ELSEWHERE = [...configDefaults.exclude, 'test/e2e/**', 'test/nightly/**'];
/** What takes seconds, with real nx, a browser, many processes or many plans: `npm run test:quick` leaves it out. */
const SLOW = [
  'test/rig/**/*.test.ts',
  'test/bad-inputs/bad-inputs.test.ts',
  'test/bin/hash-inputs.test.ts',
  'test/execution/lease/break.test.ts',
  'test/execution/lease/policy/simulate.test.ts',
  'test/execution/worker/log-pipe.test.ts',
  'test/execution/worker/python.test.ts',
  'test/monitoring/forecast/run.test.ts',
  'test/python-env/flash-attn.test.ts',
  'test/results/report/browser.test.ts',
  'test/suite/execution-settings.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: more workers only slow each other.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...ELSEWHERE, ...SLOW],
          // Modules are loaded once a worker, not once a file: half the time. So a test leaves no state in a module.
          pool: 'threads',
          isolate: false,
          unstubEnvs: true,
        },
      },
      { extends: true, test: { name: 'slow', include: SLOW, exclude: ELSEWHERE } },
    ],
  },
});
