// Files stay under 400 lines, functions should under 60. A file that needs a table of contents is split; generated pages may be long.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { isMain, root } from './lib/paths.mjs';
import { filesUnder } from './lib/stamp.mjs';

const maximumFile = 400;
const maximumFunction = 60;

const checked = /\.(ts|mjs|cc|h)$/;
const exempt = /^(test\/fixtures\/|examples\/data\/)|\.generated\./;

const folders = ['src', 'native', 'test', 'bench', 'examples', 'scripts'];

/** Start of a function or method that is closed by a brace in the same column: what prettier and clang-format produce. */
const opening =
  /^( *)(?!namespace|class|struct|enum|union|interface|type|describe|if|for|while|switch|do|else|try|catch|return|\}).*[)>\w] (?:=> )?\{$/;

function longFunctions(path, lines) {
  const found = [];
  lines.forEach((line, start) => {
    const match = opening.exec(line);
    if (match === null || /^\s*(export )?(abstract )?(class|interface|type|const \w+(: [^=]+)? = \{)/.test(line)) return;
    if (!line.includes('(') && !lines[start - 1]?.includes('(')) return;
    if (/^\s*(describe|template)\b/.test(line)) return;
    // clang-format moves a lambda that is an argument to the right, closing brace and all; the function around it counts its lines.
    if (/\(.*\[[=&]?\]\(.*\{$/.test(line)) return;
    const close = lines.findIndex((other, index) => index > start && other.startsWith(`${match[1]}}`));
    if (close - start > maximumFunction)
      found.push(`${path}:${start + 1}: function of ${close - start} lines (${maximumFunction} is the aim)`);
  });
  return found;
}

/** Lines about files that are too long (errors) and functions that are (warnings). */
export function sizeProblems() {
  const errors = [];
  const warnings = [];
  for (const path of filesUnder(folders).filter((file) => checked.test(file) && !exempt.test(file))) {
    const lines = readFileSync(join(root, path), 'utf8').trimEnd().split('\n');
    if (lines.length > maximumFile) errors.push(`${path}: ${lines.length} lines (${maximumFile} at most)`);
    warnings.push(...longFunctions(path, lines));
  }
  return { errors, warnings };
}

if (isMain(import.meta.url)) {
  const { errors, warnings } = sizeProblems();
  for (const warning of warnings) console.warn(`warning: ${warning}`);
  for (const error of errors) console.error(error);
  process.exit(errors.length === 0 ? 0 : 1);
}
