// Brings the clone up to date: packages, native engine, compiled TypeScript. Each step looks first and does nothing when nothing changed.
// `npm start`, `npm test` and `npm run bench` begin with it. `--typescript` does the last step alone (npm's "prepare").
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { isMain, root } from './lib/paths.mjs';
import { filesUnder, hashOf, isFresh, writeStamp } from './lib/stamp.mjs';

const minimumNode = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > minimumNode[0] || (major === minimumNode[0] && minor >= minimumNode[1])) return;
  throw new Error(`chainrule needs Node.js ${minimumNode.join('.')} or newer; this is ${process.versions.node}.`);
}

/** Runs one step and says how long it took. */
async function step(what, run) {
  const start = performance.now();
  console.log(`chainrule: ${what} ...`);
  await run();
  console.log(`chainrule: ${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

const packagesIn = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {});

/** Whether every package of the lock file is installed in its version; packages for other platforms may be absent. */
function packagesAreFresh() {
  const installed = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(packagesIn(join(root, 'package-lock.json'))).every(([path, wanted]) => {
    if (path === '' || wanted.link) return true;
    const found = installed[path];
    return found === undefined ? wanted.optional === true : found.version === wanted.version;
  });
}

function installPackages() {
  // Scripts are left out: the only ones that matter are this package's own, and those are the next steps.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const run =
    npm !== undefined && /\.[cm]?js$/.test(npm)
      ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: 'inherit' })
      : spawnSync('npm', args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (run.status !== 0) throw new Error('chainrule: npm ci failed; its message is above.');
}

async function ensurePackages() {
  if (packagesAreFresh()) return;
  const folder = join(root, 'node_modules');
  if (existsSync(folder) && lstatSync(folder).isSymbolicLink()) {
    console.warn('chainrule: node_modules is a link and differs from package-lock.json; it is left as it is.');
    return;
  }
  await step('installing packages', installPackages);
}

async function ensureNative() {
  // Imported late: it needs packages that the step before may have installed.
  const { buildNative, nativeIsFresh } = await import('./build-native.mjs');
  if (nativeIsFresh()) return;
  await step('building the native engine', async () => {
    if (!(await buildNative([], { quiet: true, defaults: true })))
      throw new Error('chainrule: the native engine was not built; see above.');
  });
}

/** Removes compiled files whose source is gone, so that no import of theirs works by accident. */
function removeOrphans() {
  for (const file of filesUnder(['dist'])) {
    const source = file.replace(/^dist/, 'src').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
    if (source.endsWith('.ts') && !existsSync(join(root, source))) rmSync(join(root, file));
  }
}

/** Compiles src/ to dist/ when a source changed. */
export async function ensureTypeScript() {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const stamp = join(root, 'dist', '.stamp');
  const hash = hashOf(['src', 'tsconfig.json']);
  if (isFresh(stamp, hash)) return;
  if (!existsSync(compiler)) {
    console.warn('chainrule: TypeScript is not installed, so dist/ was not built. `npm ci` with development packages builds it.');
    return;
  }
  await step('compiling TypeScript', () => {
    const run = spawnSync(process.execPath, [compiler, '-p', root, '--pretty'], { cwd: root, stdio: 'inherit' });
    if (run.status !== 0) throw new Error('chainrule: TypeScript found errors; they are above.');
    removeOrphans();
    writeStamp(stamp, hash);
  });
}

async function setup() {
  if (process.argv.includes('--typescript')) return ensureTypeScript();
  checkNode();
  await ensurePackages();
  await ensureNative();
  await ensureTypeScript();
}

if (isMain(import.meta.url)) {
  try {
    await setup();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
