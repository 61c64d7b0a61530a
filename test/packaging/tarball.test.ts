import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const consumer = fileURLToPath(new URL('consumer/', import.meta.url));
const typescript = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** The user's environment: nothing of the test runner's, no forced addon. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS|NODE_ENV|VITEST|CHAINRULE_PREBUILD|LD_PRELOAD)/.test(name)),
);

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

// A published package meets a machine without compiler, where npm runs no install scripts: the prebuilt binary must be all it takes.
describe.skipIf(process.platform === 'win32')('the tarball, installed with scripts blocked', () => {
  const project = mkdtempSync(join(tmpdir(), 'chainrule-consumer-'));
  let packed: Packed;

  beforeAll(() => {
    run(process.execPath, ['scripts/setup.mjs', '--typescript'], root);
    run(process.execPath, ['scripts/prebuilds.mjs'], root);
    const listing = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], root);
    const [first] = JSON.parse(listing) as [Packed];
    packed = first;
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
    const options = ['--ignore-scripts', '--omit=optional', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    run('npm', ['install', ...options, join(project, packed.filename)], project);
    // A TypeScript project for Node has Node's types.
    symlinkSync(join(root, 'node_modules', '@types'), join(project, 'node_modules', '@types'));
    for (const file of readdirSync(consumer)) copyFileSync(join(consumer, file), join(project, file));
  }, 900_000);

  afterAll(() => {
    rmSync(project, { recursive: true, force: true });
  });

  it('holds the compiled package, the sources to build from and one prebuilt binary, and nothing else', () => {
    const paths = packed.files.map((file) => file.path);
    const roots = [...new Set(paths.map((path) => path.split('/')[0]))].sort();
    expect(roots).toEqual(
      ['CHANGELOG.md', 'CMakeLists.txt', 'LICENSE', 'README.md', 'dist', 'native', 'package.json', 'prebuilds', 'scripts', 'src'].sort(),
    );
    const prebuilt = `prebuilds/${process.platform}-${process.arch}/`;
    expect(paths.filter((path) => path.startsWith('prebuilds/')).every((path) => path.startsWith(prebuilt))).toBe(true);
    expect(paths.filter((path) => /(^|\/)(test|bench|examples)\/|\.test\.|-ubyte|\.gz$|\.tsbuildinfo|\.stamp/.test(path))).toEqual([]);
    console.log(
      `tarball: ${String(paths.length)} files, ${(packed.size / 1e6).toFixed(2)} MB packed, ${(packed.unpackedSize / 1e6).toFixed(2)} MB unpacked`,
    );
    expect(packed.size).toBeLessThan(8e6);
  });

  it('brings one dependency', () => {
    const installed = readdirSync(join(project, 'node_modules')).filter((name) => !/^[.@]/.test(name));
    expect(installed.sort()).toEqual(['chainrule', 'node-gyp-build']);
    expect(existsSync(join(project, 'node_modules', 'chainrule', 'build'))).toBe(false);
  });

  it('trains as an ES module, with the prebuilt binary', () => {
    const { loss, addons } = JSON.parse(run(process.execPath, ['train.mjs'], project)) as { loss: number; addons: string[] };
    expect(loss).toBeLessThan(1e-3);
    expect(addons).toHaveLength(1);
    expect(addons[0]).toContain(join('node_modules', 'chainrule', 'prebuilds', `${process.platform}-${process.arch}`));
  });

  it('computes through require', () => {
    const { sum } = JSON.parse(run(process.execPath, ['train.cjs'], project)) as { sum: number };
    expect(sum).toBe(66);
  });

  it('gives a TypeScript project its types', () => {
    const { stdout } = spawnSync(process.execPath, [typescript, '-p', project], { cwd: project, env: environment, encoding: 'utf8' });
    expect(stdout).toBe('');
  }, 180_000);
});
