// `npm run test:avx512 [-- TEST...]`: the kernels' tests with the code for AVX-512 on a machine that has only AVX2: its instructions are made of AVX2's
// (test/emulation/avx512.h), so logic is proven and bits are compared, speed is not. What the compiler makes of the real instructions only a machine that has them shows.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { buildNative } from './build-native.mjs';
import { end, skipped } from './lib/gate.mjs';
import { root } from './lib/paths.mjs';

const gate = 'test:avx512';
if (process.platform !== 'linux' || process.arch !== 'x64') end(gate, skipped, 'it runs on Linux x64 only');

const folder = 'build-avx512';
const options = ['-O', join(folder, 'build'), '--CDCHAINRULE_EMULATE_AVX512=ON', '--CDISAS=avx2;avx512'];
if (!(await buildNative(options, { quiet: true }))) end(gate, 1, 'the addon with emulated AVX-512 does not build; see above');

const given = process.argv.slice(2);
const rooms = [
  'attention',
  'conv',
  'create',
  'elementwise',
  'fuzz',
  'indexing',
  'linalg',
  'loss',
  'nn',
  'norm',
  'ops',
  'optim',
  'pool',
  'random',
  'reduce',
];
const tests = given.length > 0 ? given : rooms.map((name) => `test/${name}`);
const env = { ...process.env, CHAINRULE_PREBUILD: join(root, folder) };
const started = Date.now();
const run = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=300000', ...tests], {
  cwd: root,
  env,
  stdio: 'inherit',
});
const what = `${tests.length} folders or files of tests with emulated AVX-512, ${((Date.now() - started) / 1000).toFixed(0)} s`;
end(gate, run.status === 0 ? 0 : 1, run.status === 0 ? what : `${what}: ended with ${run.signal ?? run.status}`);
