import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { DType } from '../../src/index.js';
import { epsOf } from '../helpers/close.js';
import type { Dump } from '../helpers/dump.js';
import { caseName, dtypesOf, rows } from '../table/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'chainrule-isa-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** All of the table's results from a process that is held to one instruction set; null where this CPU or build does not have it. */
function run(isa: string): Dump | null {
  const file = join(folder, `${isa}.json`);
  const child = spawnSync(process.execPath, ['--import', 'tsx', 'test/helpers/dump.ts', file], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, CHAINRULE_ISA: isa, CHAINRULE_THREADS: '2' },
  });
  if (child.status === 0) return JSON.parse(readFileSync(file, 'utf8')) as Dump;
  if (child.stderr.includes('cannot run here')) return null;
  throw new Error(`the run with ${isa} failed:\n${child.stderr}`);
}

const levels = process.arch === 'x64' ? (['baseline', 'avx2', 'avx512'] as const) : ([] as const);
const dumps = new Map(levels.map((isa) => [isa, run(isa)]));

function floats(text: string, dtype: DType): Float32Array | Float64Array {
  const copy = Uint8Array.from(Buffer.from(text, 'base64'));
  return dtype === 'f32' ? new Float32Array(copy.buffer) : new Float64Array(copy.buffer);
}

/** |a - b| against the largest element: without fma each product is rounded once more. */
function distance(a: string, b: string, dtype: 'f32' | 'f64'): number {
  const [x, y] = [floats(a, dtype), floats(b, dtype)];
  let largest = 0;
  let error = 0;
  y.forEach((v, i) => {
    if (Object.is(v, x[i])) return;
    largest = Math.max(largest, Math.abs(v));
    error = Math.max(error, Math.abs(v - (x[i] ?? NaN)));
  });
  return error === 0 ? 0 : error / (epsOf[dtype] * largest);
}

describe('instruction sets', () => {
  const [baseline, avx2, avx512] = [dumps.get('baseline'), dumps.get('avx2'), dumps.get('avx512')];

  it.runIf(avx2 && avx512)('AVX2 and AVX-512 give the same bits in every row, forward and backward', () => {
    expect(avx512?.isa).toBe('avx512');
    expect(avx2?.isa).toBe('avx2');
    const names = Object.keys(avx512?.entries ?? {});
    expect(names.filter((name) => JSON.stringify(avx2?.entries[name]) !== JSON.stringify(avx512?.entries[name]))).toEqual([]);
  });

  const best = avx512 ?? avx2;
  it.runIf(baseline && best)('the baseline, which has no fma, differs by rounding alone', () => {
    const far: string[] = [];
    for (const row of rows) {
      const allowed = 8 * (row.tolerance ?? 8);
      for (const one of row.cases) {
        for (const dtype of dtypesOf(row)) {
          if (dtype !== 'f32' && dtype !== 'f64') continue;
          const name = `${row.name} ${caseName(one)} ${dtype}`;
          const [a, b] = [baseline?.entries[name], best?.entries[name]];
          const pairs = [
            ...(a?.outs ?? []).map((text, i) => [text, b?.outs[i] ?? ''] as const),
            ...(a?.grads ?? []).map((text, i) => [text, b?.grads[i] ?? ''] as const),
          ];
          for (const [x, y] of pairs) {
            if (x === y) continue;
            const units = distance(x, y, dtype);
            if (!(units <= allowed)) far.push(`${name}: ${units.toFixed(1)} eps`);
          }
        }
      }
    }
    expect(far).toEqual([]);
  });
});
