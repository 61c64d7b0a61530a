import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contiguous, engine, fromArray, lt, mul, scope, sub, where, type Tensor } from '../../src/index.js';
import { viewHandle } from '../../src/tensor/tensor.js';

/** A window on memory of its own: element [i0, i1, ...] at a place that depends on the strides' signs, order and gaps. */
function windowOn(shape: readonly number[], order: readonly number[], gaps: readonly number[], flips: readonly boolean[]): Tensor {
  const strides = shape.map(() => 0);
  let extent = 1;
  let offset = 0;
  for (const d of order) {
    if (gaps[d] === 0) continue; // repeated along this axis
    strides[d] = extent * (gaps[d] ?? 1);
    extent = strides[d] * Math.max(1, shape[d] ?? 1);
    if (flips[d]) {
      offset += strides[d] * Math.max(0, (shape[d] ?? 1) - 1);
      strides[d] = -strides[d];
    }
  }
  const memory = Float32Array.from({ length: extent }, (_, i) => ((i * 7919) % 1009) - 500);
  return viewHandle(fromArray(memory, [extent]), shape, strides, offset);
}

/** A shape of up to 5 axes with up to about 100,000 elements, and windows of it in any layout. */
const layouts = fc.array(fc.constantFrom(1, 2, 3, 5, 17, 64, 65, 130), { minLength: 1, maxLength: 5 }).chain((dims) => {
  let size = 1;
  const shape = dims.map((n) => (size * n > 100_000 ? 1 : ((size *= n), n)));
  const one = fc.record({
    order: fc.shuffledSubarray(
      shape.map((_, d) => d),
      { minLength: shape.length, maxLength: shape.length },
    ),
    gaps: fc.array(fc.constantFrom(0, 1, 1, 1, 2), { minLength: shape.length, maxLength: shape.length }),
    flips: fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
  });
  return fc.tuple(fc.constant(shape), one, one, one);
});

describe('tiles', () => {
  it('give what contiguous operands give, in any layout', () => {
    fc.assert(
      fc.property(layouts, fc.constantFrom(1, 2, 3), ([shape, ...laid], threads) => {
        engine.setThreads(threads);
        scope(() => {
          const [x, y, z] = laid.map(({ order, gaps, flips }) => windowOn(shape, order, gaps, flips)) as [Tensor, Tensor, Tensor];
          const compute = (a: Tensor, b: Tensor, c: Tensor): Tensor => where(lt(a, b), sub(a, c), mul(b, 2));
          const got = compute(x, y, z).dataSync();
          const want = compute(contiguous(x), contiguous(y), contiguous(z)).dataSync();
          expect(Buffer.compare(Buffer.from(got.buffer), Buffer.from(want.buffer))).toBe(0);
          // And the arithmetic itself, against plain loops over the values.
          const [a, b, c] = [x, y, z].map((t) => t.dataSync());
          expect(got.findIndex((v, i) => v !== (a![i]! < b![i]! ? Number(a![i]) - Number(c![i]) : Number(b![i]) * 2))).toBe(-1);
        });
      }),
      { numRuns: 150, seed: 11 },
    );
  });

  // Around each length of row at which the way changes, and with rows that begin anywhere in a line of the cache.
  it.each([1, 3])('give each row its number, and each number its row (%i threads)', (threads) => {
    engine.setThreads(threads);
    for (const width of [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 49, 63, 64, 129, 131, 512, 513, 4095, 4096, 4097]) {
      scope(() => {
        const height = 37;
        const image = Float32Array.from({ length: height * width }, (_, i) => ((i * 7919) % 1009) - 500);
        const numbers = Float32Array.from({ length: height }, (_, i) => i * 3 - 50);
        for (const dtype of ['f32', 'f64', 'i32'] as const) {
          const [x, level] = [fromArray(image, [height, width]).to(dtype), fromArray(numbers, [height, 1]).to(dtype)];
          const at = (i: number): [number, number] => [image[i]!, numbers[Math.floor(i / width)]!];
          expect([...sub(x, level).dataSync()].findIndex((v, i) => v !== at(i)[0] - at(i)[1])).toBe(-1);
          expect([...sub(level, x).dataSync()].findIndex((v, i) => v !== at(i)[1] - at(i)[0])).toBe(-1);
          const row = sub(level, x.slice([[3, 4]]));
          expect([...row.dataSync()].findIndex((v, i) => v !== at(i)[1] - image[3 * width + (i % width)]!)).toBe(-1);
          const tail = x.slice([[2, height]]); // begins anywhere in a vector
          const rest = [...sub(tail, level.slice([[2, height]])).dataSync()];
          expect(rest.findIndex((v, i) => v !== at(i + 2 * width)[0] - at(i + 2 * width)[1])).toBe(-1);
          const both = sub(level.expand([height, width]), level.mul(2));
          expect([...both.dataSync()].findIndex((v, i) => v !== -at(i)[1])).toBe(-1);
        }
      });
    }
  });

  // Around each length of row at which the way changes; an image's rows begin anywhere in a vector.
  it.each([1, 3])('repeat a row for all rows of an image (%i threads)', (threads) => {
    engine.setThreads(threads);
    for (const [images, height, longest] of [
      [5, 7, 3073],
      [2, 203, 100],
    ] as const) {
      for (const width of [3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 21, 31, 32, 33, 100, 585, 586, 1535, 1536, 3071, 3072, 3073]) {
        if (width > longest) continue;
        scope(() => {
          const [size, shape] = [images * height * width, [images, height, width]];
          const values = Float32Array.from({ length: size }, (_, i) => ((i * 7919) % 1009) - 500);
          const rows = Float32Array.from({ length: images * width }, (_, i) => ((i * 104_729) % 1013) - 500);
          const own = (i: number): number => rows[Math.floor(i / (height * width)) * width + (i % width)]!;
          for (const dtype of ['f32', 'f64', 'i32'] as const) {
            const [x, row] = [fromArray(values, shape).to(dtype), fromArray(rows, [images, 1, width]).to(dtype)];
            expect([...sub(x, row).dataSync()].findIndex((v, i) => v !== values[i]! - own(i))).toBe(-1);
            expect([...sub(row, x).dataSync()].findIndex((v, i) => v !== own(i) - values[i]!)).toBe(-1);
            const one = sub(x, row.slice([[1, 2]])); // the same for all images
            expect([...one.dataSync()].findIndex((v, i) => v !== values[i]! - rows[width + (i % width)]!)).toBe(-1);
          }
        });
      }
    }
  });

  it.each([1, 3])('give each row its number again in each image, over several units of work (%i threads)', (threads) => {
    engine.setThreads(threads);
    const [images, height] = [3, 97];
    for (const width of [127, 128, 300, 512]) {
      scope(() => {
        const values = Float32Array.from({ length: images * height * width }, (_, i) => ((i * 7919) % 1009) - 500);
        const numbers = Float32Array.from({ length: height }, (_, i) => i * 3 - 50);
        const got = sub(fromArray(values, [images, height, width]), fromArray(numbers, [height, 1])).dataSync();
        expect([...got].findIndex((v, i) => v !== values[i]! - numbers[Math.floor(i / width) % height]!)).toBe(-1);
      });
    }
  });

  // Around each width at which blocks are cut in another way; 40 rows are two blocks and a half.
  it.each([1, 3])('transpose operands, edges included (%i threads)', (threads) => {
    engine.setThreads(threads);
    for (const width of [15, 16, 17, 63, 64, 65, 247, 248, 249, 497, 559, 560, 561, 1121]) {
      for (const height of [16, 23, 40]) {
        scope(() => {
          const image = Float32Array.from({ length: height * width }, (_, i) => ((i * 7919) % 1009) - 500);
          const numbers = Float32Array.from({ length: height * width }, (_, i) => ((i * 104_729) % 1013) - 500);
          const turned = (i: number): number => numbers[(i % width) * height + Math.floor(i / width)]!;
          for (const dtype of ['f32', 'f64', 'i32'] as const) {
            const [x, y] = [fromArray(image, [height, width]).to(dtype), fromArray(numbers, [width, height]).to(dtype).transpose()];
            expect([...sub(x, y).dataSync()].findIndex((v, i) => v !== image[i]! - turned(i))).toBe(-1);
            expect([...lt(y, x).dataSync()].findIndex((v, i) => Boolean(v) !== turned(i) < image[i]!)).toBe(-1);
            expect([...where(lt(x, 0), x, y).dataSync()].findIndex((v, i) => v !== (image[i]! < 0 ? image[i]! : turned(i)))).toBe(-1);
          }
        });
      }
    }
  });
});
