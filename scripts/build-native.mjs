// Builds the native addon with cmake-js, using all cores. Called by install.mjs and setup.mjs.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Builds into build/Release; extra arguments go to cmake-js. Returns whether it worked. */
export function buildNative(extra = []) {
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const env = { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()), ...process.env };
  return spawnSync(process.execPath, [cmakeJs, 'build', ...extra], { cwd: root, env, stdio: 'inherit' }).status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(buildNative(process.argv.slice(2)) ? 0 : 1);
