import { describe, expect, it } from 'vitest';
import { cat, embedding, fromArray, gather, gradients, indexAdd, indexSelect, scatterAdd, slice, type Tensor } from '../../src/index.js';
import { random } from '../helpers/random.js';

/** Numbers whose sums round, so that the order of additions shows. */
function numbers(n: number, seed: string): Float32Array {
  const draw = random(seed);
  return Float32Array.from({ length: n }, () => draw.below(20001) / 997 - 10);
}
function positions(n: number, size: number, seed: string): number[] {
  const draw = random(seed);
  return Array.from({ length: n }, () => draw.below(size));
}
const asIndex = (list: readonly number[], shape: readonly number[], type: 'i32' | 'i64' = 'i64'): Tensor =>
  fromArray(type === 'i64' ? BigInt64Array.from(list, BigInt) : Int32Array.from(list), shape);

/** start, and row k of source added to row index[k], in order and in f32. */
function added(start: Float32Array, source: Float32Array, index: readonly number[], width: number, skip = -1): Float32Array {
  const y = start.slice();
  index.forEach((row, k) => {
    if (row === skip) return;
    for (let i = 0; i < width; i++) y[row * width + i] = Math.fround((y[row * width + i] ?? NaN) + (source[k * width + i] ?? NaN));
  });
  return y;
}
function rowsOf(table: Float32Array, index: readonly number[], width: number): Float32Array {
  const y = new Float32Array(index.length * width);
  index.forEach((row, k) => y.set(table.subarray(row * width, (row + 1) * width), k * width));
  return y;
}

/** Bit by bit, and quickly: arrays here have millions of elements. */
function expectSame(actual: ArrayLike<number | bigint> | undefined, wanted: Float32Array): void {
  const values = Float32Array.from(actual ?? [], Number);
  expect(values.length).toBe(wanted.length);
  expect(values.findIndex((v, i) => !Object.is(v, wanted[i]))).toBe(-1);
}

// [rows of the table, their width, rows taken]: around the widths of vectors, of what is sent past the caches (16 MB) and of what one row adds at once (32).
const tables: [number, number, number][] = [
  [7, 15, 20],
  [7, 16, 20],
  [5, 17, 300],
  [1, 64, 70],
  [300, 65, 1000],
  [3, 127, 0],
  [3, 0, 5],
  [65_537, 64, 1000],
  [60_001, 73, 2000],
  [4099, 1024, 5000],
  [2003, 1031, 4100],
  [65_537, 9, 240_000],
];

describe('rows by index', () => {
  it.each(tables)('table [%i, %i], %i rows', (size, width, count) => {
    const table = numbers(size * width, `table ${size}`);
    const index = positions(count, size, `index ${size}`);
    const seed = numbers(count * width, `seed ${size}`);
    const weight = fromArray(table, [size, width]);
    weight.requiresGrad = true;
    for (const skip of [-1, 0]) {
      const y = embedding(asIndex(index, [count]), weight, skip < 0 ? {} : { paddingIdx: skip });
      expectSame(y.dataSync(), rowsOf(table, index, width));
      const [g] = gradients([y], [weight], { gradients: [fromArray(seed, [count, width])] });
      expectSame(g?.dataSync(), added(new Float32Array(size * width), seed, index, width, skip));
    }
    const x = weight.detach();
    const short = asIndex(index, [count], 'i32');
    expectSame(indexSelect(x, 0, short).dataSync(), rowsOf(table, index, width));
    expectSame(indexAdd(x, 0, short, fromArray(seed, [count, width])).dataSync(), added(table, seed, index, width));
  });

  it.each(['f32', 'f64', 'i32', 'u8'] as const)('rows of 1 to 70 elements, %s', (dtype) => {
    const [size, count] = [11, 23];
    const index = positions(count, size, 'near');
    for (let width = 1; width <= 70; width++) {
      const table = Float32Array.from({ length: size * width }, (_, i) => (i * 7) % 251);
      // From an address that no vector begins at, and past rows that are not taken.
      const x = slice(fromArray([...new Array<number>(width).fill(1), ...table], [size + 1, width], { dtype }), [[1]]);
      expectSame(indexSelect(x, 0, asIndex(index, [count])).dataSync(), rowsOf(table, index, width));
    }
  });

  it('adds rows of a middle axis', () => {
    const [outer, size, width] = [3, 5, 33];
    const x = numbers(outer * size * width, 'x');
    const index = positions(9, size, 'index');
    const source = numbers(outer * index.length * width, 'source');
    const parts = Array.from({ length: outer }, (_, o) =>
      added(
        x.slice(o * size * width, (o + 1) * size * width),
        source.subarray(o * index.length * width, (o + 1) * index.length * width),
        index,
        width,
      ),
    );
    const y = indexAdd(
      fromArray(x, [outer, size, width]),
      1,
      asIndex(index, [index.length]),
      fromArray(source, [outer, index.length, width]),
    );
    expect([...y.dataSync()]).toEqual(parts.flatMap((part) => [...part]));
  });

  it('names the first index that is out of range, and touches nothing', () => {
    const table = fromArray(numbers(100 * 32, 'table'), [100, 32]);
    const index = positions(500, 100, 'index');
    index[77] = 100;
    index[400] = -1;
    const message = /index 100 is out of range for axis 0 of size 100 \(element 77\)/;
    expect(() => indexSelect(table, 0, asIndex(index, [500])).dataSync()).toThrow(message);
    const source = fromArray(numbers(500 * 32, 'source'), [500, 32]);
    expect(() => indexAdd(table, 0, asIndex(index, [500]), source).dataSync()).toThrow(message);
  });
});

describe('elements by index', () => {
  const widths = [1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 130, 513];
  it.each(widths)('%i on each line, i32 and i64', (n) => {
    for (const type of ['i32', 'i64'] as const) {
      for (const size of [1, 40, 1000]) {
        const x = numbers(5 * size, 'x');
        const index = positions(5 * n, size, `${n}`);
        const source = numbers(5 * n, 'source');
        const [xs, at] = [fromArray(x, [5, size]), asIndex(index, [5, n], type)];
        const picked = index.map((k, i) => x[Math.floor(i / n) * size + k]);
        expect([...gather(xs, 1, at).dataSync()]).toEqual(picked);
        expect([...gather(xs.to('f64'), 1, at).dataSync()]).toEqual(picked);
        const flat = index.map((k, i) => Math.floor(i / n) * size + k);
        expect(scatterAdd(xs, 1, at, fromArray(source, [5, n])).dataSync()).toEqual(added(x, source, flat, 1));
      }
    }
  });

  it.each(['i32', 'i64'] as const)('finds a bad index in every lane, %s', (type) => {
    const x = fromArray(numbers(2 * 50, 'x'), [2, 50]);
    for (let where = 0; where < 35; where++) {
      for (const bad of [-1, 50, 2 ** 31 - 1, -(2 ** 31)]) {
        const index = positions(2 * 35, 50, 'index');
        index[35 + where] = bad;
        const message = `index ${bad} is out of range for axis 1 of size 50 (element ${35 + where})`;
        const at = asIndex(index, [2, 35], type);
        expect(() => gather(x, 1, at).dataSync()).toThrow(message);
        expect(() => scatterAdd(x, 1, at, x.narrow(1, 0, 35)).dataSync()).toThrow(message);
      }
    }
  });

  it.each([1, 2, 5])('%i into each of many short lines', (n) => {
    for (const size of [5, 10, 33]) {
      const lines = 3000;
      const index = positions(lines * n, size, `${n}`);
      const source = numbers(lines * n, 'source');
      const flat = index.map((k, i) => Math.floor(i / n) * size + k);
      const [at, values] = [asIndex(index, [lines, n], 'i64'), fromArray(source, [lines, n])];
      const x = numbers(lines * size, 'x');
      expect(scatterAdd(fromArray(x, [lines, size]), 1, at, values).dataSync()).toEqual(added(x, source, flat, 1));
      const wide = fromArray(new Float32Array(lines * size), [lines, size], { requiresGrad: true });
      const [grad] = gradients([gather(wide, 1, at)], [wide], { gradients: [values] });
      expect(grad?.dataSync()).toEqual(added(new Float32Array(lines * size), source, flat, 1));
      index[2900 * n] = size;
      const message = `index ${size} is out of range for axis 1 of size ${size} (element ${2900 * n})`;
      expect(() => scatterAdd(wide, 1, asIndex(index, [lines, n], 'i64'), values).dataSync()).toThrow(message);
    }
  });
});

describe('cat', () => {
  it('joins more tensors than one command takes', () => {
    const parts = Array.from({ length: 1501 }, (_, i) => fromArray(numbers(2 * (i % 3) * 4, `${i}`), [2, i % 3, 4]));
    const flat = parts.map((part) => [...part.dataSync()]);
    const rows = [0, 1].flatMap((half) => flat.flatMap((list) => list.slice((half * list.length) / 2, ((half + 1) * list.length) / 2)));
    expect([...cat(parts, 1).dataSync()]).toEqual(rows);
  });

  it.each([1, 15, 16, 17, 700])('joins rows of %i with strided and transposed ones', (n) => {
    const rows = 75;
    const wide = fromArray(numbers(rows * (n + 3), 'wide'), [rows, n + 3]);
    const turned = fromArray(numbers(n * rows, 'turned'), [n, rows]).transpose(0, 1);
    const plain = fromArray(numbers(rows * n, 'plain'), [rows, n]);
    for (const list of [
      [plain, wide],
      [wide.narrow(1, 2, n), plain],
      [plain, turned, wide.narrow(1, 1, n)],
    ]) {
      for (const dtype of ['f32', 'f64', 'bf16', 'u8'] as const) {
        const parts = list.map((x) => x.abs().to(dtype));
        const expected = Array.from({ length: rows }, (_, r) => parts.flatMap((x) => [...x.select(0, r).to('f32').dataSync()])).flat();
        expectSame(cat(parts, 1).to('f32').dataSync(), Float32Array.from(expected));
      }
    }
  });

  it.each([
    [1030, 1021],
    [1024, 1040],
    [2000, 3, 48],
  ])('joins rows of %i and %i where the result is larger than the caches', (...widths) => {
    const rows = 2050;
    const total = widths.reduce((sum, n) => sum + n, 0);
    const wanted = new Float32Array(rows * total);
    let column = 0;
    const parts = widths.map((n) => {
      const part = numbers(rows * n, `${n}`);
      for (let r = 0; r < rows; r++) wanted.set(part.subarray(r * n, (r + 1) * n), r * total + column);
      column += n;
      return fromArray(part, [rows, n]);
    });
    expectSame(cat(parts, 1).dataSync(), wanted);
  });
});

// Around rows of whole cache lines and of 1 KiB, in results of 16 MB.
describe('rows in another order', () => {
  it.each([
    [64, 2, 520, 64],
    [40, 2, 206, 257],
    [64, 2, 520, 63],
    [8, 3, 5, 64],
  ])('[%i, %i, %i, %i]', (batch, heads, length, width) => {
    const x = numbers(batch * heads * length * width, 'x');
    const wanted = new Float32Array(x.length);
    let to = 0;
    for (let b = 0; b < batch; b++) {
      for (let t = 0; t < length; t++) {
        for (let h = 0; h < heads; h++, to += width) {
          const from = ((b * heads + h) * length + t) * width;
          wanted.set(x.subarray(from, from + width), to);
        }
      }
    }
    expectSame(fromArray(x, [batch, heads, length, width]).permute([0, 2, 1, 3]).contiguous().dataSync(), wanted);
  });
});
