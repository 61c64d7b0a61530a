import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

// Tests import the sources ('../src/index.js'; 'chainrule' means the same file), so they need the addon but no compiled TypeScript.
// A test that needs the compiled package (worker_threads, child processes, the tarball) imports from dist/, which `npm test` brings up to date first.
export default defineConfig({
  resolve: { alias: { chainrule: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Kernels have threads of their own; more workers than cores would only make them wait for each other.
    maxWorkers: Math.min(4, availableParallelism()),
    testTimeout: 60_000,
    hookTimeout: 120_000,
    execArgv: ['--expose-gc'],
  },
});
