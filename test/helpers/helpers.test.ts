import { describe, expect, it } from 'vitest';
import { add, scope, tensor, zeros } from '../../src/index.js';
import { viewHandle } from '../../src/tensor/tensor.js';
import type { TableRow } from '../table/index.js';
import { epsOf, mismatch, naiveOf, scalesOf } from './close.js';
import { drawInputs, toTensor, type Drawn } from './draw.js';
import { guard } from './guards.js';
import { lay, placements, spread, type Placement } from './layouts.js';
import { map, zip, type Nd } from './nd.js';

/** The runners find what they are there to find: each helper is handed a fault. */

const nd = (...values: number[]): Nd => ({ shape: [values.length], data: Float64Array.from(values) });

function rowOf(naive: (xs: readonly Nd[]) => Nd, shapes: readonly (readonly number[])[]): TableRow {
  return { name: 'made up', family: 'none', call: () => zeros([1]), naive, cases: [{ shapes }], torch: { none: 'made up' }, rejects: [] };
}

describe('close', () => {
  const one = Float64Array.of(1, 1);
  it('finds an error of more units than allowed, a NaN, an infinity and a shape', () => {
    expect(mismatch(nd(1, 2), nd(1, 2), one, 'f64', 8)).toBeNull();
    expect(mismatch(nd(1 + 7 * epsOf.f64, 2), nd(1, 2), one, 'f64', 8)).toBeNull();
    expect(mismatch(nd(1 + 9 * epsOf.f64, 2), nd(1, 2), one, 'f64', 8)).toMatch(/element 0 of \[2\].*9\.0 units.*8 allowed/);
    expect(mismatch(nd(1, NaN), nd(1, 2), one, 'f64', 8)).toMatch(/element 1/);
    expect(mismatch(nd(1, 2), nd(1, NaN), one, 'f64', 8)).toMatch(/element 1/);
    expect(mismatch(nd(1, Infinity), nd(1, 2), one, 'f64', 8)).toMatch(/element 1/);
    expect(mismatch(nd(1, 2), nd(1, Infinity), one, 'f64', 8)).toMatch(/element 1/);
    expect(mismatch(nd(1), nd(1, 2), one, 'f64', 8)).toMatch(/shape \[1\], expected \[2\]/);
    expect(mismatch(nd(1, 3), nd(1, 2), one, 'i32', 8)).toMatch(/element 1/);
  });

  it('measures how inputs carry over: a difference of near numbers has the scale of the numbers', () => {
    const row = rowOf(([x, y]) => zip(x!, y!, (a, b) => a - b), [[2], [2]]);
    const xs: Drawn[] = [
      { ...nd(1000, 1), dtype: 'f64' },
      { ...nd(999.999, -1), dtype: 'f64' },
    ];
    const [scale] = scalesOf(row, row.cases[0]!, xs, naiveOf(row, row.cases[0]!, xs));
    expect(scale![0]).toBeGreaterThan(500);
    expect(scale![1]).toBeGreaterThan(2);
    expect(scale![1]).toBeLessThan(5);
  });

  it('gives no room where the result does not move: a comparison', () => {
    const row = rowOf(([x]) => map(x!, (v) => (v > 0 ? 1 : 0)), [[2]]);
    const xs: Drawn[] = [{ ...nd(3, -3), dtype: 'f64' }];
    expect([...scalesOf(row, row.cases[0]!, xs, naiveOf(row, row.cases[0]!, xs))[0]!]).toEqual([1, 0]);
  });
});

describe('draw', () => {
  it('keeps elements apart and away from kinks, in range, the same for f32 and f64', () => {
    const row: TableRow = { ...rowOf(([x]) => x!, [[400]]), inputs: [{ low: -1, high: 1 }], kink: (v) => Math.abs(v) < 0.01 };
    const [x] = drawInputs(row, row.cases[0]!, 'f64');
    const sorted = x!.data.toSorted();
    sorted.forEach((v, i) => {
      expect(Math.abs(v)).toBeGreaterThanOrEqual(0.01);
      expect(v >= -1 && v < 1).toBe(true);
      if (i > 0 && Math.abs(v) > 0.02) expect(v - sorted[i - 1]!).toBeGreaterThan(1e-5);
    });
    expect([...drawInputs(row, row.cases[0]!, 'f32')[0]!.data]).toEqual([...x!.data].map(Math.fround));
  });
});

describe('layouts', () => {
  const x: Drawn = { shape: [2, 3], dtype: 'f32', data: Float64Array.of(1, 2, 3, 4, 5, 6) };

  it.each(Object.keys(placements) as Placement[])('%s has the same values elsewhere', (name) => {
    const { tensor: t, verify } = lay(x, name);
    expect([...t.dataSync()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(t.shape).toEqual([2, 3]);
    expect(t.offset).toBeGreaterThan(0);
    verify();
  });

  it('sees a change of an input, and of what lies next to it', () => {
    for (const at of [0, 7]) {
      const { tensor: t, verify } = lay(x, 'window');
      viewHandle(t, [1], [1], at).setData([99]);
      expect(verify).toThrow(/changed the memory of an input/);
    }
  });

  it('spread repeats along an axis of stride 0', () => {
    const { contiguous, laid } = spread(x)!;
    expect([...contiguous.data]).toEqual([1, 2, 3, 1, 2, 3]);
    expect([...laid.tensor.dataSync()]).toEqual([1, 2, 3, 1, 2, 3]);
    expect(laid.tensor.strides).toEqual([0, 1]);
  });
});

describe('guards', () => {
  it('see a write behind a result and into its neighbour, and nothing else', () => {
    scope(() => {
      const guards = guard(64);
      const out = add(tensor([1, 2, 3]), 1);
      expect([...out.dataSync()]).toEqual([2, 3, 4]);
      guards.verify([out]);
      const behind = viewHandle(out, [4], [1], 0);
      behind.setData([2, 3, 4, 5]);
      expect(() => guards.verify([out])).toThrow(/wrote into the memory behind a result \[3\] \(byte 0\)/);
      guards.release();
    });
  });

  it('leave no zeros in unused memory, so that an element never written is seen', () => {
    scope(() => {
      guard(64).release();
      const fresh = toTensor(nd(1, 2), 'f32');
      const whole = viewHandle(fresh, [16], [1], 0);
      expect([...whole.dataSync()].slice(2).every((v) => Number.isNaN(v))).toBe(true);
    });
  });
});
