import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const addon = fileURLToPath(new URL('../../build/Release/chainrule.node', import.meta.url));

function read(command: string, ...options: readonly string[]): string {
  return execFileSync(command, [...options, addon], { encoding: 'utf8', maxBuffer: 1 << 26 });
}

// What the loader sees of the addon; the sections have these names in ELF files only.
describe.skipIf(process.platform !== 'linux')('the addon file', () => {
  it('exports what Node looks for, and nothing else', () => {
    const names = read('nm', '--dynamic', '--defined-only', '--format=posix')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ')[0]);
    expect(names.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });

  it('has no executable stack, and its tables are read-only once it is loaded', () => {
    const segments = read('readelf', '--segments', '--wide');
    expect(/GNU_STACK.* (R\w+) +0x/.exec(segments)?.[1]).toBe('RW');
    expect(segments).toContain('GNU_RELRO');
    expect(read('readelf', '--dynamic', '--wide')).toContain('BIND_NOW');
  });

  it('needs the C and C++ run time only, from wherever the system keeps them', () => {
    const dynamic = read('readelf', '--dynamic', '--wide');
    const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => (match[1] ?? '').replace(/\.so.*/, ''));
    const runTime = new Set(['libc', 'libm', 'libstdc++', 'libgcc_s', 'libpthread', 'libdl', 'ld-linux-x86-64', 'ld-linux-aarch64']);
    expect(needed.filter((name) => !runTime.has(name))).toEqual([]);
    expect(dynamic).not.toMatch(/R(UN)?PATH/);
  });
});
