#!/usr/bin/env node
// Stands in for node-gyp under prebuildify, which calls it in its staging folder and takes the addon from build/Release there.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { buildNative } from './build-native.mjs';
import { root } from './lib/paths.mjs';

const arch = process.env.PREBUILD_ARCH ?? process.arch;
const platform = process.env.PREBUILD_PLATFORM ?? process.platform;
const native = arch === process.arch && platform === process.platform;
const folder = native ? 'build' : `build-${platform}-${arch}`;

if (!(await buildNative(native ? [] : ['-O', folder, `--arch=${arch}`], { quiet: true, defaults: native }))) process.exit(1);
mkdirSync(join('build', 'Release'), { recursive: true });
copyFileSync(join(root, folder, 'Release', 'chainrule.node'), join('build', 'Release', 'chainrule.node'));
