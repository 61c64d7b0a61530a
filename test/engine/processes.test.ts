import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, it, vi } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'chainrule-copy-'));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  /** From the moment that the script says it is working. */
  readonly seconds: number;
}

function run(script: string, args: readonly string[] = [], signal?: NodeJS.Signals): Promise<Ended> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args]);
  let output = '';
  let working = performance.now();
  const listen = (chunk: Buffer): void => {
    if (output === '') {
      working = performance.now();
      if (signal !== undefined) setTimeout(() => child.kill(signal), 100);
    }
    output += String(chunk);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  return new Promise((done) => {
    child.on('close', (code, by) => done({ code, signal: by, output, seconds: (performance.now() - working) / 1000 }));
  });
}

// Generous for a busy machine: the work queued takes several times as long.
const soon = 4;

describe('a process with work queued ends as asked', { timeout: 60_000 }, () => {
  it('by running out of things to do, after the reads that are awaited', async () => {
    expect(await run('processes.mjs', ['natural'])).toMatchObject({ code: 0, output: 'working\n' });
  });

  it.each(['exit', 'exitNow', 'blockedWorkers'])('by process.exit (%s)', async (way) => {
    const { code, output, seconds } = await run('processes.mjs', [way]);
    expect({ code, output }).toEqual({ code: 7, output: 'working\n' });
    expect(seconds).toBeLessThan(soon);
  });

  it.each(['uncaught', 'rejected'])('by an error that nobody catches (%s)', async (way) => {
    const { code, output, seconds } = await run('processes.mjs', [way]);
    expect(code).toBe(1);
    expect(output).toContain('meant to happen');
    expect(seconds).toBeLessThan(soon);
  });

  it.each(['terminated', 'blockedReader'])('by SIGTERM (%s)', async (way) => {
    const { signal, seconds } = await run('processes.mjs', [way], 'SIGTERM');
    expect(signal).toBe('SIGTERM');
    expect(seconds).toBeLessThan(soon);
  });
});

describe('one engine serves', { timeout: 120_000 }, () => {
  it.each([
    ['eight workers at once, with equal results', 'workers'],
    ['workers that are terminated at any moment', 'terminateWorkers'],
    ['child processes', 'forked'],
  ])('%s', async (_, way) => {
    expect(await run('processes.mjs', [way])).toMatchObject({ code: 0, signal: null });
  });

  it('workers of a main thread that never loads it', async () => {
    expect(await run('workers-only.mjs')).toMatchObject({ code: 0, signal: null, output: 'done\n' });
  });

  it('two copies of the package in one process', async () => {
    const addon = createRequire(import.meta.url)('node-gyp-build') as { resolve: (dir: string) => string };
    const binary = relative(root, addon.resolve(root));
    mkdirSync(join(copy, dirname(binary)), { recursive: true });
    for (const part of [binary, 'dist', 'package.json']) cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const ended = await run('two-copies.mjs', [join(root, 'dist/index.js'), join(copy, 'dist/index.js')]);
    expect(ended).toMatchObject({ code: 0, output: 'done\n' });
  });

  it('a module that is evaluated anew, as test runners do', async () => {
    const first = await import('../../src/index.js');
    const x = first.tensor([1, 2, 3]);
    vi.resetModules();
    const second = await import('../../src/index.js');
    expect(second.tensor).not.toBe(first.tensor);
    const pending = x.add(1).data();
    expect([...second.tensor([5]).add(1).dataSync()]).toEqual([6]);
    expect([...(await second.tensor([6]).add(1).data())]).toEqual([7]);
    expect([...(await pending)]).toEqual([2, 3, 4]);
  });
});
