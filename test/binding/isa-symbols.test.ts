import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const objectsFolder = fileURLToPath(new URL('../../build/CMakeFiles', import.meta.url));

const libraries = existsSync(objectsFolder) ? readdirSync(objectsFolder).filter((name) => /^kernels_\w+\.dir$/.test(name)) : [];

/** Mangled names that the objects of one instruction set define for the linker to see, strong or weak. */
function definedSymbols(library: string): string[] {
  const folder = join(objectsFolder, library);
  const objects = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.o'));
  const listing = execFileSync('nm', ['--defined-only', '--extern-only', '--format=posix', ...objects.map((file) => join(folder, file))], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return listing
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith(':'))
    .map((line) => line.split(' ')[0] ?? '');
}

/** Itanium mangling of a name inside chainrule::<isa>, with the prefixes of tables, guards and locals of functions. */
function insideNamespace(isa: string): RegExp {
  return new RegExp(`^_Z(?:T[VTISCHW]|GV|GR|Z)*NK?9chainrule${String(isa.length)}${isa}(?=\\d|[A-Z])`);
}

describe('objects compiled for one instruction set', () => {
  it('are found in the build folder', () => {
    expect(libraries).not.toEqual([]);
  });

  // A shared inline function compiled for AVX-512 would be a weak symbol, and the linker may keep that copy for every caller: a crash on older CPUs.
  it.each(libraries)('%s defines nothing outside its namespace', (library) => {
    const inside = insideNamespace(library.replace(/^kernels_|\.dir$/g, ''));
    const symbols = definedSymbols(library);
    expect(symbols.length).toBeGreaterThan(0);
    expect(symbols.filter((name) => !inside.test(name))).toEqual([]);
  });
});
