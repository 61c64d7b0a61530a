// The checkers, each as a command line; check.mjs runs them and format.mjs the two that write.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { root } from './paths.mjs';
import { filesUnder } from './stamp.mjs';

const require = createRequire(import.meta.url);

/** Path of a package's command, without going through a shell. */
function bin(name, packageName = name) {
  const file = join(root, 'node_modules', packageName, 'package.json');
  const entry = require(file).bin;
  return join(dirname(file), typeof entry === 'string' ? entry : entry[name]);
}

/** Every C++ file of the project. */
export function nativeFiles() {
  return filesUnder(['native']).filter((path) => /\.(h|cc)$/.test(path));
}

export const node = (name, args, packageName) => () => [process.execPath, [bin(name, packageName), ...args]];
export const script = (name) => () => [process.execPath, [join(root, 'scripts', name)]];

/** Runs a command in the root; resolves to its status and all that it printed. */
export function execute([command, args]) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => {
      const missing = error.code === 'ENOENT' ? `${command} is missing: apt-get install ${command}` : error.message;
      done({ ok: false, output: missing });
    });
    child.on('close', (code) => done({ ok: code === 0, output: Buffer.concat(output).toString().trim() }));
  });
}
