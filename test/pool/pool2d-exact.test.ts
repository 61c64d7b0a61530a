import { describe, expect, it } from 'vitest';
import { avgPool2d, fromArray, gradients, maxPool2d, noGrad, type Tensor } from '../../src/index.js';

/** One pooling with square windows. */
interface Pool {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly ceilMode?: boolean;
}

const pools: readonly Pool[] = [
  { kernel: 2, stride: 2, padding: 0 },
  { kernel: 2, stride: 2, padding: 0, ceilMode: true },
  { kernel: 3, stride: 2, padding: 1 },
  { kernel: 3, stride: 2, padding: 1, ceilMode: true },
  { kernel: 3, stride: 2, padding: 0 },
  { kernel: 3, stride: 1, padding: 1 },
  { kernel: 3, stride: 3, padding: 0 },
  { kernel: 5, stride: 2, padding: 2 },
];

// Every width up to 40, and those around vectors (2 to 16 numbers), pairs of them, and several.
const widths = [...Array.from({ length: 40 }, (_, i) => i + 1), 47, 56, 63, 64, 65, 66, 97];
const heights = [1, 2, 3, 6, 7, 14];

function outputs(size: number, { kernel, stride, padding, ceilMode }: Pool): number {
  const span = (size + 2 * padding - kernel) / stride;
  const count = (ceilMode === true ? Math.ceil(span) : Math.floor(span)) + 1;
  return ceilMode === true && (count - 1) * stride >= size + padding ? count - 1 : count;
}

function windows(height: number, width: number, pool: Pool): { inside: number[]; places: number }[] {
  const result = [];
  const end = (size: number, start: number): number => Math.min(start + pool.kernel, size + pool.padding);
  for (let i = 0; i < outputs(height, pool); i++) {
    for (let j = 0; j < outputs(width, pool); j++) {
      const [top, left] = [i * pool.stride - pool.padding, j * pool.stride - pool.padding];
      const inside: number[] = [];
      for (let h = Math.max(0, top); h < Math.min(height, end(height, top)); h++) {
        for (let w = Math.max(0, left); w < Math.min(width, end(width, left)); w++) inside.push(h * width + w);
      }
      result.push({ inside, places: (end(height, top) - top) * (end(width, left) - left) });
    }
  }
  return result;
}

/** Whole numbers from -8 to 8, many of them equal; all sums below are exact. */
function numbers(count: number, seed: number, scale: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return scale * (((state >>> 16) % 17) - 8);
  });
}

const planes = 3;
const lcm = 3600; // of all numbers of places in a window, so that every share is whole

function check(dtype: 'f32' | 'f64', height: number, width: number, pool: Pool): void {
  const { kernel, ...options } = pool;
  const image = windows(height, width, pool);
  const area = height * width;
  const shape = [planes, height, width];
  const outShape = [planes, outputs(height, pool), outputs(width, pool)];
  const values = numbers(planes * area, height * 131 + width, 1);
  const cotangents = numbers(planes * image.length, width, lcm);
  const make = (list: number[], as: number[]): Tensor => fromArray(dtype === 'f64' ? new Float64Array(list) : new Float32Array(list), as);
  const round = dtype === 'f64' ? (x: number): number => x : Math.fround;

  const expected = { max: [] as number[], mean: [] as number[] };
  const slopes = { max: values.map(() => 0), mean: values.map(() => 0) };
  for (let p = 0; p < planes; p++) {
    image.forEach(({ inside, places }, o) => {
      const g = cotangents[p * image.length + o] ?? 0;
      const at = (i: number): number => values[p * area + i] ?? 0;
      const best = inside.reduce((a, b) => (at(b) > at(a) ? b : a));
      expected.max.push(at(best));
      expected.mean.push(round(inside.reduce((sum, i) => sum + at(i), 0) / places));
      slopes.max[p * area + best] = (slopes.max[p * area + best] ?? 0) + g;
      for (const i of inside) slopes.mean[p * area + i] = (slopes.mean[p * area + i] ?? 0) + g / places;
    });
  }
  const x = make(values, shape);
  const where = `${dtype} ${String(height)} x ${String(width)} ${JSON.stringify(pool)}`;
  for (const [name, op] of [
    ['max', maxPool2d],
    ['mean', avgPool2d],
  ] as const) {
    expect([...noGrad(() => op(x, kernel, options)).dataSync()], `${name} ${where}`).toEqual(expected[name]);
    x.requiresGrad = true;
    const y = op(x, kernel, options);
    expect([...y.dataSync()], `${name}, recorded, ${where}`).toEqual(expected[name]);
    const [slope] = gradients([y], [x], { gradients: [make(cotangents, outShape)] });
    const clean = [...(slope?.dataSync() ?? [])].map((v) => Number(v) + 0);
    expect(clean, `gradient of ${name} ${where}`).toEqual(slopes[name].map((v) => v + 0));
    x.requiresGrad = false;
  }
}

describe('poolings of all sizes', () => {
  for (const pool of pools) {
    for (const dtype of ['f32', 'f64'] as const) {
      it(`${JSON.stringify(pool)} ${dtype} is exact for whole numbers`, () => {
        for (const height of heights) {
          for (const width of widths) {
            if (Math.min(height, width) + 2 * pool.padding >= pool.kernel) check(dtype, height, width, pool);
          }
        }
      });
    }
  }

  it('reads images with any strides', () => {
    const { kernel, ...options } = { kernel: 3, stride: 2, padding: 1 };
    const x = fromArray(new Float32Array(numbers(2 * 19 * 35, 7, 1)), [2, 35, 19]);
    const turned = x.transpose(1, 2);
    for (const op of [maxPool2d, avgPool2d]) {
      const same = noGrad(() => op(turned.contiguous(), kernel, options)).dataSync();
      expect(noGrad(() => op(turned, kernel, options)).dataSync()).toEqual(same);
    }
  });

  it.each([
    { kernel: 2, stride: 2, padding: 0 },
    { kernel: 3, stride: 2, padding: 1 },
    { kernel: 3, stride: 1, padding: 1 },
    { kernel: 5, stride: 3, padding: 2 },
  ])('takes gradients with any strides: %o', ({ kernel, ...options }) => {
    const x = fromArray(new Float32Array(numbers(2 * 19 * 35, 7, 1)), [2, 19, 35], { requiresGrad: true });
    for (const op of [maxPool2d, avgPool2d]) {
      const y = op(x, kernel, options);
      const [n = 0, height = 0, width = 0] = y.shape;
      const turned = fromArray(new Float32Array(numbers(n * height * width, 5, lcm)), [n, width, height]).transpose(1, 2);
      const slopeFor = (gradient: Tensor): ArrayLike<unknown> =>
        gradients([op(x, kernel, options)], [x], { gradients: [gradient] })[0]!.dataSync();
      expect(slopeFor(turned)).toEqual(slopeFor(turned.contiguous()));
    }
  });

  // 48 planes of 64 x 64 are several units of work; rows of 2, 14, 28 and 64 are two to a vector, one, and several vectors long.
  it('takes means and maxima of triples, with NaN anywhere', () => {
    const pool = { kernel: 3, stride: 2, padding: 1 };
    const { kernel, ...options } = pool;
    for (const width of [2, 14, 28, 64]) {
      const [count, height] = [width === 14 ? 200 : 48, width === 14 ? 6 : 64];
      const image = windows(height, width, pool);
      const values = numbers(count * height * width, width, 1);
      for (let i = 5; i < values.length; i += 2741) values[i] = NaN;
      const places = Array.from({ length: count }, (_, plane) =>
        image.map(({ inside }) => inside.map((i) => values[plane * height * width + i] ?? 0)),
      );
      for (const dtype of ['f32', 'f64'] as const) {
        const x = fromArray(dtype === 'f64' ? new Float64Array(values) : new Float32Array(values), [count, height, width]);
        const round = dtype === 'f64' ? (v: number): number => v : Math.fround;
        const [max, mean, own] = noGrad(() => [
          maxPool2d(x, kernel, options),
          avgPool2d(x, kernel, options),
          avgPool2d(x, kernel, { ...options, countIncludePad: false }),
        ]);
        const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);
        expect([...max.dataSync()], `max ${String(width)}`).toEqual(places.flatMap((plane) => plane.map((list) => Math.max(...list))));
        expect([...mean.dataSync()], `mean ${String(width)}`).toEqual(places.flatMap((plane) => plane.map((list) => round(sum(list) / 9))));
        expect([...own.dataSync()], `mean of the inside ${String(width)}`).toEqual(
          places.flatMap((plane) => plane.map((list) => round(sum(list) / list.length))),
        );
      }
    }
  });

  it('hands NaN on and keeps the first of equal values', () => {
    const row = new Float32Array(40).fill(-Infinity);
    row[3] = NaN;
    row[20] = 5;
    const x = fromArray(row, [1, 1, 1, 40]);
    const y = noGrad(() => maxPool2d(x, [1, 2], { stride: [1, 2] })).dataSync();
    expect([y[1], y[10], y[19]]).toEqual([NaN, 5, -Infinity]);
  });
});
