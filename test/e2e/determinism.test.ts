import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { engine } from '../../src/index.js';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

interface Report {
  readonly threads: number;
  readonly isa: string;
  readonly mlp: string;
  readonly cnn: string;
  readonly loss: number;
}

async function trainSmall(env: Readonly<Record<string, string>>): Promise<Report> {
  const { stdout } = await run(process.execPath, ['--import', tsx, join(here, 'train-small.ts')], {
    env: { ...process.env, ...env },
    timeout: 120_000,
  });
  return JSON.parse(stdout) as Report;
}

describe('training gives the same bits', () => {
  it('for 1, 2, 3 and 8 threads, run after run', async () => {
    const reference = await trainSmall({ CHAINRULE_THREADS: '2' });
    expect(reference.loss).toBeLessThan(2);
    for (const threads of ['1', '2', '3', '8']) {
      const { mlp, cnn, threads: used } = await trainSmall({ CHAINRULE_THREADS: threads });
      expect({ threads: used, mlp, cnn }).toEqual({ threads: Number(threads), mlp: reference.mlp, cnn: reference.cnn });
    }
  }, 300_000);

  it.runIf(engine.stats().isa === 'avx512')(
    'for AVX2 and AVX-512 (runs where the CPU has both)',
    async () => {
      const [wide, narrow] = [await trainSmall({ CHAINRULE_ISA: 'avx512' }), await trainSmall({ CHAINRULE_ISA: 'avx2' })];
      expect([wide.isa, narrow.isa]).toEqual(['avx512', 'avx2']);
      expect({ mlp: narrow.mlp, cnn: narrow.cnn }).toEqual({ mlp: wide.mlp, cnn: wide.cnn });
    },
    120_000,
  );
});
