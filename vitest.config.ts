import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**', 'test/nightly/**'],
    testTimeout: 60_000,
    // Two cores: more workers only slow each other.
    maxWorkers: 2,
  },
});
