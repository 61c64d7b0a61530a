// Builds the native addon with cmake-js, using all cores. `node scripts/build-native.mjs [--CDNAME=value] [-O folder]`: development builds of
// one instruction set (--CDISAS=avx2) or with sanitizers (-O build-asan --CDCHAINRULE_SANITIZE=address,undefined). Called by setup and install.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';

import { isMain, root } from './lib/paths.mjs';
import { hashOf, isFresh, writeStamp } from './lib/stamp.mjs';
import { toolchainProblem } from './lib/toolchain.mjs';

const require = createRequire(import.meta.url);
const addon = join(root, 'build', 'Release', 'chainrule.node');
const stamp = join(root, 'build', 'Release', 'chainrule.stamp');

/** Everything that the default build depends on. */
function sourcesHash() {
  const version = (name) => JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8')).version;
  const words = [process.platform, process.arch, version('cmake-js'), version('node-addon-api')];
  return hashOf(['native', 'CMakeLists.txt'], words);
}

/** One entry of a build folder's CMake cache. */
function cached(folder, name) {
  const cache = join(folder, 'CMakeCache.txt');
  if (!existsSync(cache)) return undefined;
  return new RegExp(`^${name}:\\w+=(.*)$`, 'm').exec(readFileSync(cache, 'utf8'))?.[1];
}

/** CMake refuses a build folder that was copied or moved with its clone, or whose ninja is gone: such a folder is thrown away. */
function discardForeign(folder) {
  const home = cached(folder, 'CMAKE_HOME_DIRECTORY');
  const ninja = cached(folder, 'CMAKE_GENERATOR') === 'Ninja' ? cached(folder, 'CMAKE_MAKE_PROGRAM') : undefined;
  const moved = home !== undefined && resolve(home) !== resolve(root);
  if (moved || (ninja !== undefined && !existsSync(ninja))) rmSync(folder, { recursive: true, force: true });
}

/** cmake-js prefers ninja; a folder that began with make stays with make. */
function generatorOption(folder) {
  return cached(folder, 'CMAKE_GENERATOR') === 'Unix Makefiles' ? ['--prefer-make'] : [];
}

/** Options of an earlier development build stay in CMake's cache; forgetting them brings back the defaults of CMakeLists.txt. */
function forgetOptions(folder) {
  const cache = join(folder, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  writeFileSync(cache, readFileSync(cache, 'utf8').replace(/(^\/\/.*\n)*^(ISAS|CHAINRULE_SANITIZE|CHAINRULE_EMULATE_AVX512):.*\n/gm, ''));
}

/** Shows ninja's `[12/176]` or make's `[ 47%]` on one line of a terminal. */
function showProgress(chunk) {
  const count = /.*(\[ *\d+(?:\/\d+|%)\])/s.exec(chunk.toString())?.[1];
  if (count !== undefined) process.stdout.write(`\r  ${count}\x1b[K`);
}

/** Runs cmake-js; a quiet run shows its progress on a terminal, and its output only when it fails. */
function cmakeJs(args, quiet) {
  const script = require.resolve('cmake-js/bin/cmake-js');
  const env = { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()), CCACHE_BASEDIR: root, CCACHE_NOHASHDIR: '1', ...process.env };
  const child = spawn(process.execPath, [script, ...args], { cwd: root, env, stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit' });
  const chunks = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      chunks.push(chunk);
      if (process.stdout.isTTY) showProgress(chunk);
    });
  }
  return new Promise((done) => {
    child.on('close', (code) => {
      if (quiet && process.stdout.isTTY) process.stdout.write('\r\x1b[K');
      if (code !== 0) process.stderr.write(Buffer.concat(chunks));
      done(code === 0);
    });
  });
}

/** Configures and builds into build/Release, or into the folder after -O. Returns whether it worked. */
export async function buildNative(args = [], { quiet = false, defaults = false, configureOnly = false } = {}) {
  const problem = toolchainProblem();
  if (problem !== null) {
    console.error(problem);
    return false;
  }
  const out = args.indexOf('-O');
  const folder = out < 0 ? join(root, 'build') : resolve(root, args[out + 1]);
  const hash = sourcesHash();
  discardForeign(folder);
  if (defaults) forgetOptions(folder);
  const plain = out < 0 && !args.some((arg) => arg.startsWith('--CD'));
  if (out < 0 && !plain) rmSync(stamp, { force: true });
  // `cmake-js build` alone would not look at changed options.
  const options = [...generatorOption(folder), ...args];
  const worked = (await cmakeJs(['configure', ...options], quiet)) && (configureOnly || (await cmakeJs(['build', ...options], quiet)));
  if (worked && plain && defaults) writeStamp(stamp, hash);
  return worked;
}

/** Whether build/Release holds the default build of these very sources. */
export function nativeIsFresh() {
  return existsSync(addon) && isFresh(stamp, sourcesHash());
}

if (isMain(import.meta.url)) process.exit((await buildNative(process.argv.slice(2))) ? 0 : 1);
