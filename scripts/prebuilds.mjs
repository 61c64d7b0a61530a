// `npm run prebuilds [-- --out FOLDER]`: prebuilds/<platform>-<arch>/chainrule.<libc>.node, made by prebuildify. prebuildify's own call of
// `cmake-js rebuild` would wipe build/ and move the addon out of it; it is given prebuild-compile.mjs instead, which builds what changed and hands
// it a copy. Other options go to prebuildify, which knows --platform, --arch and --libc for cross builds.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { root } from './lib/paths.mjs';

const prebuildify = join(dirname(createRequire(import.meta.url).resolve('prebuildify')), 'bin.js');
const compile = join(root, 'scripts', 'prebuild-compile.mjs');
const staging = mkdtempSync(join(tmpdir(), 'chainrule-prebuild-'));

const fixed = ['--cwd', staging, '--name', 'chainrule', '--target', 'chainrule', '--node-gyp', compile, '--strip', '--tag-libc'];
const given = process.argv.slice(2);
const out = given.includes('--out') ? [] : ['--out', root];

const run = spawnSync(process.execPath, [prebuildify, ...fixed, ...out, ...given], { stdio: 'inherit' });
rmSync(staging, { recursive: true, force: true });
process.exit(run.status ?? 1);
