// The C++ half of the import table: which room of native/ may include which, napi.h in the binding only, intrinsics in simd only.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { isMain, root } from './lib/paths.mjs';
import { filesUnder } from './lib/stamp.mjs';

/** Room -> rooms or single headers that it may include besides its own. */
const table = {
  core: [],
  threads: ['core', 'memory/scratch.h', 'memory/aligned.h', 'memory/blocks.h'],
  memory: ['core', 'threads/spin.h'],
  dispatch: ['core', 'threads/context.h'],
  simd: ['core', 'threads/context.h', 'dispatch/kernel.h'],
  kernels: ['core', 'simd', 'threads/context.h', 'memory/scratch.h', 'dispatch/kernel.h'],
  engine: ['core', 'dispatch', 'memory', 'threads'],
  binding: ['core', 'dispatch', 'memory', 'threads', 'engine'],
  addon: ['binding', 'core', 'dispatch', 'engine'],
};

/** Headers of the platform, and the only places that may include them. */
const special = [
  { header: /^(napi|node_api|js_native_api)\.h$/, places: ['native/binding/', 'native/addon.cc'] },
  // spin.h has one pause instruction, cpu.cc asks the processor what it can do: neither computes.
  {
    header: /^(\w*intrin|cpuid|arm_neon|arm_sve)\.h$/,
    places: ['native/simd/', 'native/threads/spin.h', 'native/dispatch/cpu.cc'],
  },
];

/** A kernel compiled for AVX-512 must not emit a copy of a shared inline function, and these headers are full of them. */
const kernelHeaders = new Set([
  'cstddef',
  'cstdint',
  'cstring',
  'climits',
  'cfloat',
  'limits',
  'type_traits',
  'concepts',
  'utility',
  'initializer_list',
]);

const roomOf = (path) => path.split('/')[0].replace(/\.cc$/, '');

function mayInclude(file, header) {
  const from = roomOf(file);
  const allowed = table[from];
  if (allowed === undefined) return `native/${from} is not in the table of scripts/check-includes.mjs`;
  if (roomOf(header) === from || allowed.includes(roomOf(header)) || allowed.includes(header)) return null;
  return `native/${from} may include ${[from, ...allowed].join(', ')}`;
}

function problemsOf(path) {
  const file = path.replace(/^native\//, '');
  const problems = [];
  readFileSync(join(root, path), 'utf8')
    .split('\n')
    .forEach((line, index) => {
      const [, open, header] = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(line) ?? [];
      if (header === undefined) return;
      const report = (why) => problems.push(`${path}:${index + 1}: #include ${header}: ${why}`);
      const rule = special.find((entry) => entry.header.test(header));
      if (rule !== undefined) {
        if (!rule.places.some((place) => path.startsWith(place))) report(`only in ${rule.places.join(', ')}`);
      } else if (open === '"') {
        const why = mayInclude(file, header);
        if (why !== null) report(why);
      } else if (['kernels', 'simd'].includes(roomOf(file)) && !kernelHeaders.has(header)) {
        report('kernels and simd use no containers, algorithms or streams');
      }
    });
  return problems;
}

/** One line for each include that the table forbids. */
export function includeProblems() {
  return filesUnder(['native'])
    .filter((path) => /\.(h|cc)$/.test(path))
    .flatMap(problemsOf);
}

if (isMain(import.meta.url)) {
  const problems = includeProblems();
  for (const problem of problems) console.error(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}
