import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Native } from './native.js';

const require = createRequire(import.meta.url);

/** The package's root: two folders up from src/binding and from dist/binding. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/**
 * Loads the addon: a local build first, else the prebuilt binary for this platform. Not by require, which would hand the same instance to every copy of this
 * module in the thread (a test runner that resets modules makes copies): each counts its own commands and needs an instance of its own.
 */
function load(): Native {
  try {
    const { resolve } = require('node-gyp-build') as { resolve: (dir: string) => string };
    const module = { exports: {} };
    process.dlopen(module, resolve(root));
    return module.exports as Native;
  } catch (cause) {
    const message =
      `chainrule: no native engine for ${process.platform}-${process.arch} in ${root}. ` +
      'Build it with `npm rebuild chainrule` (needs CMake and a C++ compiler); where npm blocks install scripts, allow them first with `npm install-scripts approve chainrule`.';
    throw new Error(message, { cause });
  }
}

export const native: Native = load();
