// Gets the engines that `npm run compare` compares with: Debian's packages where apt-get and root are at hand, npm packages, and small programs around OpenBLAS and
// oneDNN compiled into build-peers/. What cannot be got is said and left out; run it again any time.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './lib/paths.mjs';

const built = join(root, 'build-peers');
mkdirSync(built, { recursive: true });

const debian = ['python3-torch', 'python3-numpy', 'libopenblas-dev', 'libopenblas0-openmp', 'libdnnl-dev', 'nlohmann-json3-dev', 'g++'];
const npm = ['onnxruntime-node@1.30.0', '@tensorflow/tfjs@4.22.0', '@tensorflow/tfjs-backend-wasm@4.22.0', '@jax-js/jax@0.1.25'];

function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', ...options });
  return status === 0;
}

const installed = (name) => spawnSync('dpkg', ['-s', name], { stdio: 'ignore' }).status === 0;

function installDebian() {
  const missing = debian.filter((name) => !installed(name));
  if (missing.length === 0) return true;
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status !== 0) {
    console.warn(`peers: missing ${missing.join(' ')}; on Debian and Ubuntu: sudo apt-get install ${missing.join(' ')}`);
    return false;
  }
  return run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '--no-install-recommends', ...missing]);
}

function installNpm() {
  const version = (pack) => {
    const manifest = join(built, 'node_modules', pack, 'package.json');
    return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : null;
  };
  const at = npm.map((each) => each.lastIndexOf('@'));
  if (npm.every((each, i) => version(each.slice(0, at[i])) === each.slice(at[i] + 1))) return true;
  // A folder of its own: these packages are no dependencies of the project. Install scripts are left out; none of them is needed.
  const manifest = join(built, 'package.json');
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
  return run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...npm], { cwd: built });
}

/** Prefers the pthread build of OpenBLAS, which has a pool of its own and nothing else in its process to fight with. */
function compile(name, libraries, flags = ['-O2']) {
  const multiarch = spawnSync('gcc', ['-print-multiarch'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  const blas = join('/usr/lib', multiarch, 'openblas-pthread');
  const search = existsSync(blas) ? [`-L${blas}`, `-Wl,-rpath,${blas}`] : [];
  const source = join(root, 'bench', 'peers', `${name}.cc`);
  return run('g++', [...flags, '-std=c++20', '-fopenmp', source, '-o', join(built, name), ...search, ...libraries]);
}

const steps = [
  ['Debian packages', installDebian],
  ['npm packages', installNpm],
  ["the machine's bandwidth", () => compile('limit', [], ['-O3', '-march=native'])],
  ['OpenBLAS', () => compile('openblas', ['-lopenblas'])],
  ['oneDNN', () => compile('onednn', ['-ldnnl'])],
];
for (const [name, step] of steps) console.log(`peers: ${name}: ${step() ? 'ready' : 'NOT AVAILABLE'}`);
