// The addon itself, without the TypeScript above it: a fresh instance for each call.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { resolve } = createRequire(import.meta.url)('node-gyp-build');

export function loadAddon() {
  const module = { exports: {} };
  process.dlopen(module, resolve(fileURLToPath(new URL('../../', import.meta.url))));
  return module.exports;
}
