import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findPeers, root } from '../../bench/lib/peers.js';

const folder = mkdtempSync(join(tmpdir(), 'chainrule-compare-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(script: string, ...args: readonly string[]) {
  return spawnSync(process.execPath, ['--import', 'tsx', join(root, 'bench', script), ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
}

// One peer is enough; the quickest to start that is here.
const peer = findPeers(1)
  .peers.map(({ name }) => name)
  .sort((a, b) => Number(a.startsWith('PyTorch')) - Number(b.startsWith('PyTorch')))[0];

describe('npm run bench', () => {
  it('measures a row by chainrule alone and writes it to a file', () => {
    const json = join(folder, 'bench.json');
    const { stdout, stderr, status } = run(
      'bench.ts',
      '--filter',
      'gemm-square/16',
      '--threads',
      '1',
      '--quick',
      '--rounds',
      '1',
      '--json',
      json,
    );
    expect(stderr + stdout).toContain('gemm-square/16');
    expect(status).toBe(0);
    const rows = JSON.parse(readFileSync(json, 'utf8')) as Record<string, unknown>[];
    expect(rows).toMatchObject([{ group: 'gemm-square', case: '16', threads: 1, peer: null, ratio: null }]);
    expect(rows[0]?.ms).toBeGreaterThan(0);
  });

  it('says when no row matches', () => {
    const { stderr, status } = run('bench.ts', '--filter', 'nothing of this name');
    expect(stderr).toContain('no row matches nothing of this name');
    expect(status).toBe(2);
  });
});

describe('npm run compare', () => {
  it('says when no peer has the name', () => {
    const { stderr, status } = run('compare.ts', '--filter', 'gemm-square/16', '--peers', 'nobody');
    expect(stderr).toContain('--peers: nobody here is called nobody');
    expect(status).toBe(2);
  });

  it.skipIf(peer === undefined)(`compares with a peer (${peer ?? 'none is installed: node scripts/install-peers.mjs'})`, () => {
    const json = join(folder, 'compare.json');
    const options = ['--filter', 'gemm-square/16', '--threads', '1', '--quick', '--rounds', '1', '--peers', peer ?? '', '--json', json];
    const { stdout, stderr, status } = run('compare.ts', ...options);
    expect(stderr + stdout).toContain('GEMM, square');
    expect(status).toBe(0);
    const rows = JSON.parse(readFileSync(json, 'utf8')) as Record<string, unknown>[];
    expect(rows.find((each) => each.peer === peer)).toMatchObject({ group: 'gemm-square', case: '16', threads: 1 });
    for (const { ms, peerMs, ratio } of rows) expect(ratio).toBeCloseTo(Number(peerMs) / Number(ms));
  });
});
