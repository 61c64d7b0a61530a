import { describe, expect, it } from 'vitest';
import { cumsum, fromArray, gradients, type DType } from '../../src/index.js';
import { random } from '../helpers/random.js';

function whole(n: number, seed: string): Float64Array {
  const { below } = random(seed);
  return Float64Array.from({ length: n }, () => below(200));
}

function firstDifference(actual: ArrayLike<number | bigint>, wanted: (i: number) => number): number {
  for (let i = 0; i < actual.length; i++) if (Number(actual[i]) !== wanted(i)) return i;
  return -1;
}

describe('transposed copies', () => {
  // Below and above 4 MB, from where they go past the caches; rows that begin on lines of the cache and others; blocks that reach over an edge.
  const shapes: [number, number, number][] = [
    [1, 37, 1000],
    [1, 15, 17],
    [3, 65, 70],
    [1, 1100, 1024],
    [1, 1027, 1104],
    [5, 464, 528],
    [33, 64, 579],
  ];
  it.each(shapes)('[%i, %i, %i]', (outer, rows, columns) => {
    const values = whole(outer * rows * columns, `${rows}`);
    const turned = (i: number): number => {
      const o = Math.floor(i / (rows * columns));
      const [c, r] = [Math.floor(i / rows) % columns, i % rows];
      return values[(o * rows + r) * columns + c] ?? NaN;
    };
    for (const dtype of ['f32', 'f64', 'i32', 'u8'] satisfies DType[]) {
      const y = fromArray(values, [outer, rows, columns]).to(dtype).permute([0, 2, 1]).contiguous();
      expect(firstDifference(y.dataSync(), turned)).toBe(-1);
    }
  });

  it('of nothing, and of rows in another order', () => {
    expect(fromArray(new Float32Array(0), [0, 40, 50]).permute([0, 2, 1]).contiguous().shape).toEqual([0, 50, 40]);
    expect(fromArray(new Float32Array(0), [4, 5, 0]).permute([1, 0, 2]).contiguous().shape).toEqual([5, 4, 0]);
    const values = whole(7 * 9 * 33, 'rows');
    const y = fromArray(values, [7, 9, 33]).permute([1, 0, 2]).contiguous();
    expect(firstDifference(y.dataSync(), (i) => values[((Math.floor(i / 33) % 7) * 9 + Math.floor(i / 231)) * 33 + (i % 33)] ?? NaN)).toBe(
      -1,
    );
  });
});

describe('cumsum along the last axis, in squares', () => {
  it.each([
    [1, 50],
    [15, 16],
    [16, 15],
    [17, 33],
    [37, 64],
    [64, 131],
  ])('[%i, %i]', (lines, n) => {
    for (const dtype of ['f32', 'f64', 'i32', 'i64'] satisfies DType[]) {
      const x = fromArray(
        whole(lines * n, `${lines}`).map((v) => v / (dtype.startsWith('f') ? 7 : 1)),
        [lines, n],
      ).to(dtype);
      const values = Array.from(x.dataSync(), Number);
      const [sums, back] = [new Float64Array(lines * n), new Float64Array(lines * n)];
      const round = dtype === 'f32' ? Math.fround : Number;
      for (let line = 0; line < lines; line++) {
        let [sum, reverse] = [0, 0];
        for (let k = 0; k < n; k++) {
          sums[line * n + k] = round((sum += values[line * n + k] ?? NaN));
          back[line * n + n - 1 - k] = round((reverse += values[line * n + n - 1 - k] ?? NaN));
        }
      }
      expect(firstDifference(cumsum(x, 1).dataSync(), (i) => sums[i] ?? NaN)).toBe(-1);
      if (!dtype.startsWith('f')) continue;
      const start = x.detach();
      start.requiresGrad = true;
      const [g] = gradients([cumsum(start, 1)], [start], { gradients: [x] });
      expect(firstDifference(g?.dataSync() ?? [], (i) => back[i] ?? NaN)).toBe(-1);
    }
  });
});
