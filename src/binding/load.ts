import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Native } from './native.js';

const require = createRequire(import.meta.url);

/** The package's root: two folders up from src/binding and from dist/binding. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Loads the addon: a local build first, else the prebuilt binary for this platform. */
function load(): Native {
  try {
    const nodeGypBuild = require('node-gyp-build') as (dir: string) => Native;
    return nodeGypBuild(root);
  } catch (cause) {
    const message =
      `chainrule: no native engine for ${process.platform}-${process.arch} in ${root}. ` +
      'Build it with `npm rebuild chainrule` (needs CMake and a C++ compiler); where npm blocks install scripts, allow them first with `npm install-scripts approve chainrule`.';
    throw new Error(message, { cause });
  }
}

export const native: Native = load();
