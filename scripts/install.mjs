// npm's "install" script. In the published package a fitting prebuilt binary is all that is needed; without one the engine is built from the
// sources in the package. In the repository it is built when the sources changed.
import { createRequire } from 'node:module';

import { buildNative, nativeIsFresh } from './build-native.mjs';
import { isRepository, root } from './lib/paths.mjs';

function loads() {
  try {
    createRequire(import.meta.url)('node-gyp-build')(root);
    return true;
  } catch {
    return false;
  }
}

function buildToolsInstalled() {
  try {
    return ['cmake-js', 'node-addon-api'].every((name) => createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    console.error('chainrule: no prebuilt binary fits this platform, and the build tools (cmake-js, node-addon-api) were left out.');
    console.error('  Install again with optional dependencies: npm install --include=optional');
    return false;
  }
}

const ready = isRepository ? buildToolsInstalled() && nativeIsFresh() : loads();
if (!ready) {
  if (!buildToolsInstalled()) process.exit(1);
  console.log('chainrule: building the native engine');
  if (!(await buildNative([], { quiet: true, defaults: true }))) process.exit(1);
}
