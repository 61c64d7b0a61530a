import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const objectsFolder = fileURLToPath(new URL('../../build/CMakeFiles', import.meta.url));

const libraries = existsSync(objectsFolder) ? readdirSync(objectsFolder).filter((name) => /^kernels_\w+\.dir$/.test(name)) : [];

function objectsOf(library: string): string[] {
  const folder = join(objectsFolder, library);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.o'))
    .map((file) => join(folder, file));
}

/** Mangled names that the objects of one instruction set define for the linker to see, strong or weak. */
function definedSymbols(library: string): string[] {
  const listing = execFileSync('nm', ['--defined-only', '--extern-only', '--format=posix', ...objectsOf(library)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return listing
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith(':'))
    .map((line) => line.split(' ')[0] ?? '');
}

/** Sections of all objects of one instruction set that hold code to run at load time. */
function loadTimeSections(library: string): string[] {
  const listing = execFileSync('readelf', ['--section-headers', '--wide', ...objectsOf(library)], { encoding: 'utf8', maxBuffer: 1 << 28 });
  return listing.split('\n').filter((line) => /\.(init_array|ctors)/.test(line));
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

  // Such code would run before anyone asked what the processor can do.
  it.skipIf(process.platform !== 'linux').each(libraries)('%s runs nothing at load time', (library) => {
    expect(loadTimeSections(library)).toEqual([]);
  });
});
