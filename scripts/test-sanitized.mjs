// `npm run test:asan [-- TEST...]`: the tests that reach native code, with an addon built for AddressSanitizer and UndefinedBehaviorSanitizer.
// `npm run test:tsan`: a stress script under ThreadSanitizer, in plain node (vitest's own threads would drown it in reports).
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { buildNative } from './build-native.mjs';
import { root } from './lib/paths.mjs';

// The tarball has a binary of its own, and long runs take ten times as long here.
const skipped = ['packaging', 'long', 'types', 'stress'];

const kinds = {
  asan: {
    sanitize: 'address,undefined',
    libraries: ['libasan.so', 'libstdc++.so.6'], // libstdc++ so that the interceptor of __cxa_throw finds the real one
    command: (tests) => ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=120000', ...tests],
    tests: readdirSync(join(root, 'test'))
      .filter((name) => !skipped.includes(name))
      .map((name) => `test/${name}`),
  },
  tsan: {
    sanitize: 'thread',
    libraries: ['libtsan.so'],
    command: (tests) => tests,
    tests: ['test/stress/threads.mjs'],
  },
};

const [name = 'asan', ...given] = process.argv.slice(2);
const kind = kinds[name];
if (kind === undefined || process.platform !== 'linux') {
  console.error(`test-sanitized: ${Object.keys(kinds).join(' or ')}, on Linux with gcc`);
  process.exit(2);
}

// node-gyp-build looks for build/Release below the folder that CHAINRULE_PREBUILD names.
const folder = `build-${name}`;
const isa = process.arch === 'arm64' ? 'neon' : 'avx2';
const options = ['-O', join(folder, 'build'), `--CDCHAINRULE_SANITIZE=${kind.sanitize}`, `--CDISAS=${isa}`];
if (!(await buildNative(options, { quiet: true }))) process.exit(1);

const library = (file) => execFileSync('gcc', [`-print-file-name=${file}`], { encoding: 'utf8' }).trim();
const env = {
  ...process.env,
  CHAINRULE_PREBUILD: join(root, folder),
  LD_PRELOAD: kind.libraries.map(library).join(' '),
  ASAN_OPTIONS: 'detect_leaks=0:detect_stack_use_after_return=0',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  TSAN_OPTIONS: `halt_on_error=0:exitcode=66:suppressions='${join(root, 'test', 'stress', 'tsan.supp')}'`,
};
const tests = given.length > 0 ? given : kind.tests;
const run = spawnSync(process.execPath, kind.command(tests), { cwd: root, env, stdio: 'inherit' });
process.exit(run.status ?? 1);
