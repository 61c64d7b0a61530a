// `npm run check`: every rule of the house, each as a line with its time. All of them run; the exit status says whether any failed.
// `npm run check -- eslint prettier` runs those alone.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './lib/paths.mjs';
import { execute, nativeFiles, node, script } from './lib/tools.mjs';

const existing = (folders) => folders.filter((folder) => existsSync(join(root, folder)));

const checks = [
  { name: 'tsc', command: node('tsc', ['-p', 'tsconfig.check.json'], 'typescript') },
  { name: 'eslint', command: node('eslint', ['.', '--max-warnings', '0', '--cache', '--cache-location', '.cache/eslint']) },
  { name: 'prettier', command: node('prettier', ['--check', '--log-level', 'warn', '.']) },
  {
    name: 'imports',
    command: node('depcruise', ['--config', '.dependency-cruiser.cjs', ...existing(['src', 'bench', 'examples'])], 'dependency-cruiser'),
  },
  { name: 'includes', command: script('check-includes.mjs') },
  { name: 'size', command: script('check-size.mjs') },
  { name: 'clang-format', command: () => ['clang-format', ['--dry-run', '-Werror', ...nativeFiles()]] },
  { name: 'clang-tidy', command: script('clang-tidy.mjs') },
];

async function check({ name, command }) {
  const start = performance.now();
  const { ok, output } = await execute(command());
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(12)} ${seconds.padStart(6)} s`);
  if (output !== '' && (!ok || /warning/i.test(output))) console.log(output.replace(/^/gm, '       '));
  return ok;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((entry) => entry.name === name));
if (unknown.length > 0) {
  console.error(`check: no check named ${unknown.join(', ')}; there are ${checks.map((entry) => entry.name).join(', ')}`);
  process.exit(2);
}

let failed = 0;
for (const entry of checks.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  if (!(await check(entry))) failed += 1;
}
console.log(failed === 0 ? 'check: all rules hold' : `check: ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
