import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { engine } from '../../src/index.js';

interface Outcome {
  readonly isa: string;
  readonly hash: string;
}

function run(env: Readonly<Record<string, string>>): Outcome {
  const worker = fileURLToPath(new URL('bits-worker.ts', import.meta.url));
  const text = execFileSync(process.execPath, ['--import', 'tsx', worker], { env: { ...process.env, ...env }, encoding: 'utf8' });
  return JSON.parse(text) as Outcome;
}

test('products have the same bits for 1, 2, 3 and 8 threads', () => {
  const [first, ...rest] = ['1', '2', '3', '8'].map((threads) => run({ CHAINRULE_THREADS: threads }).hash);
  for (const hash of rest) expect(hash).toBe(first);
}, 120_000);

test.runIf(engine.stats().isa === 'avx512')(
  'products have the same bits with AVX2 and AVX-512',
  () => {
    const [avx2, avx512] = [run({ CHAINRULE_ISA: 'avx2' }), run({ CHAINRULE_ISA: 'avx512' })];
    expect([avx2.isa, avx512.isa]).toEqual(['avx2', 'avx512']);
    expect(avx2.hash).toBe(avx512.hash);
  },
  120_000,
);

test('products of int8 have the same bits without the instruction for them', () => {
  const [plain, best] = [run({ CHAINRULE_FEATURES: 'none' }), run({})];
  expect(plain.hash).toBe(best.hash);
}, 120_000);
