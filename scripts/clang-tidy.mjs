// clang-tidy over native/, every source once (kernels with the flags of AVX2), one process a core. Files that passed are remembered by the hash of
// what clang-tidy reads: the file, the headers of native/ that it includes, and the configuration.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, relative } from 'node:path';

import { buildNative } from './build-native.mjs';
import { isMain, root } from './lib/paths.mjs';
import { hashOf, isFresh, writeStamp } from './lib/stamp.mjs';

const folder = 'build-tidy';

/** The file and all of native/ that it includes, directly or not. */
function withHeaders(file, seen = new Set()) {
  if (seen.has(file) || !existsSync(join(root, file))) return seen;
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  for (const [, header] of text.matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)) withHeaders(`native/${header}`, seen);
  return seen;
}

function run(file) {
  const args = ['-p', join(root, folder), '--quiet', '--extra-arg=-w', join(root, file)];
  return new Promise((done) => {
    const child = spawn('clang-tidy', args, { cwd: root });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', () => done({ ok: false, output: 'clang-tidy is missing: apt-get install clang-tidy' }));
    child.on('close', (code) => done({ ok: code === 0, output: Buffer.concat(output).toString() }));
  });
}

/** Analyses every source; returns what clang-tidy says about those that do not pass. */
export async function clangTidy() {
  const isa = process.arch === 'arm64' ? 'neon' : 'avx2';
  if (!(await buildNative(['-O', folder, `--CDISAS=${isa}`], { quiet: true, configureOnly: true }))) return ['cmake failed'];
  const commands = JSON.parse(readFileSync(join(root, folder, 'compile_commands.json'), 'utf8'));
  const rules = hashOf(['.clang-tidy', 'CMakeLists.txt']);
  const files = commands.map((command) => relative(root, command.file)).filter((file) => file.startsWith('native'));
  const findings = [];
  const worker = async () => {
    for (let file = files.pop(); file !== undefined; file = files.pop()) {
      const stamp = join(root, '.cache', 'clang-tidy', `${basename(file)}.${hashOf([], [file]).slice(0, 8)}`);
      const hash = hashOf([...withHeaders(file)].sort(), [rules]);
      if (isFresh(stamp, hash)) continue;
      const { ok, output } = await run(file);
      if (ok) writeStamp(stamp, hash);
      else findings.push(output.replace(/^\d+ warnings? generated\.\n/gm, '').trim());
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return findings;
}

if (isMain(import.meta.url)) {
  const findings = await clangTidy();
  for (const finding of findings) console.error(finding);
  process.exit(findings.length === 0 ? 0 : 1);
}
