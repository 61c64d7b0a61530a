import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('arena-process.mjs', import.meta.url));

function run(...args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--expose-gc', script, ...args], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('blocks that come and go at random', { timeout: 120_000 }, () => {
  it.each(['1', '2', '3'])('keep what is written in them (seed %s)', (seed) => {
    expect(run('random', seed)).toBe('');
  });

  it('keep it with five threads that take them at once', () => {
    expect(run('workers')).toBe('');
  });
});

// Only the arenas give back what lies between blocks that are held; AddressSanitizer has no arenas, and keeps what is freed for a while.
const arenas = process.platform === 'linux' && process.env.ASAN_OPTIONS === undefined;

describe.skipIf(!arenas)('memory that is free', { timeout: 60_000 }, () => {
  it('goes back to the system, page by page, and gaps are filled again', () => {
    const { all, some, filled, end } = JSON.parse(run('residency')) as Record<'all' | 'some' | 'filled' | 'end', number>;
    const figures = `${String(all)}, ${String(some)}, ${String(filled)}, ${String(end)} MB`;
    expect(all, figures).toBeGreaterThan(160); // 200 blocks of 0.875 MB and as many zeros: 175 MB are live
    expect(some, figures).toBeLessThan(60); // 10 blocks: at most two pages of 2 MB each
    expect(filled - some, figures).toBeLessThan(60); // 200 blocks of 64 KB and their zeros: 25 MB, some of them in gaps
    expect(end, figures).toBeLessThan(20);
  });
});
