// Runs TypeScript programs of a folder in the order given: `node scripts/run-script.mjs examples fashion-mnist -- --act 1`. Without a name it runs all
// `*.ts` files directly in the folder. What follows `--` goes to each program.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { constants } from 'node:os';

import { root } from './lib/paths.mjs';

const [folder = 'examples', ...rest] = process.argv.slice(2);
const separator = rest.indexOf('--');
const names = separator < 0 ? rest : rest.slice(0, separator);
const options = separator < 0 ? [] : rest.slice(separator + 1);

const path = join(root, folder);
const files = existsSync(path) ? readdirSync(path).filter((file) => file.endsWith('.ts')) : [];
/** Program by name. */
const programs = new Map(files.sort().map((file) => [file.replace(/\.ts$/, ''), file]));
const unknown = names.filter((name) => !programs.has(name));
if (unknown.length > 0 || programs.size === 0) {
  console.error(`${folder}: there is no ${unknown.join(', ') || 'program'}; there are: ${[...programs.keys()].join(', ') || 'none'}`);
  process.exit(2);
}

// An interrupt from the terminal reaches the program too, and it may have something to save; this process only waits for it.
process.on('SIGINT', () => undefined);
let status = 0;
for (const name of names.length > 0 ? names : programs.keys()) {
  const program = join(path, programs.get(name));
  const run = spawnSync(process.execPath, ['--import', 'tsx', program, ...options], { cwd: root, stdio: 'inherit' });
  status ||= run.status ?? 128 + (run.signal === null ? 0 : constants.signals[run.signal]);
}
process.exit(status);
