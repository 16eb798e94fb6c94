import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/nightly/**/*.test.ts'],
    testTimeout: 7_200_000,
    maxWorkers: 1,
    fileParallelism: false,
  },
});
