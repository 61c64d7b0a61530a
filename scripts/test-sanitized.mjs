// `npm run test:asan [-- TEST...]`: the tests that reach native code, with an addon built for AddressSanitizer and UndefinedBehaviorSanitizer.
// `npm run test:tsan`: a stress script under ThreadSanitizer, in plain node (vitest's own threads would drown it in reports).
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

import { buildNative } from './build-native.mjs';
import { end, installed, skipped as notHere } from './lib/gate.mjs';
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
const gate = `test:${name}`;
if (kind === undefined) end('test-sanitized', 2, `there is no sanitizer ${name}; there are: ${Object.keys(kinds).join(', ')}`);
if (process.platform !== 'linux') end(gate, notHere, 'it runs on Linux only');
if (!installed('gcc')) end(gate, notHere, 'gcc is not installed (Debian: apt-get install g++)');

// gcc answers with a path when it has the library, with the bare name when it has not.
const library = (file) => execFileSync('gcc', [`-print-file-name=${file}`], { encoding: 'utf8' }).trim();
const lacking = kind.libraries.filter((file) => !isAbsolute(library(file)));
if (lacking.length > 0) end(gate, notHere, `gcc has no ${lacking.join(', ')} (Debian: in libasan or libtsan of gcc's version)`);

// node-gyp-build looks for build/Release below the folder that CHAINRULE_PREBUILD names.
const folder = `build-${name}`;
const isa = process.arch === 'arm64' ? 'neon' : 'avx2';
const options = ['-O', join(folder, 'build'), `--CDCHAINRULE_SANITIZE=${kind.sanitize}`, `--CDISAS=${isa}`];
if (!(await buildNative(options, { quiet: true }))) end(gate, 1, `the addon for ${kind.sanitize} does not build; see above`);

const env = {
  ...process.env,
  CHAINRULE_PREBUILD: join(root, folder),
  LD_PRELOAD: kind.libraries.map(library).join(' '),
  ASAN_OPTIONS: 'detect_leaks=0:detect_stack_use_after_return=0',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  TSAN_OPTIONS: `halt_on_error=0:exitcode=66:suppressions='${join(root, 'test', 'stress', 'tsan.supp')}'`,
};
const tests = given.length > 0 ? given : kind.tests;
const started = Date.now();
const run = spawnSync(process.execPath, kind.command(tests), { cwd: root, env, stdio: 'inherit' });
const seconds = ((Date.now() - started) / 1000).toFixed(0);
const what = `${tests.length} ${name === 'asan' ? 'folders or files of tests' : 'script'} with ${kind.sanitize} sanitizer on ${isa}, ${seconds} s`;
end(gate, run.status === 0 ? 0 : 1, run.status === 0 ? what : `${what}: ended with ${run.signal ?? run.status}`);
