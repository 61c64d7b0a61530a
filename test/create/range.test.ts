import { describe, expect, it } from 'vitest';
import { arange, eye, fullLike, linspace, onesLike, randLike, zeros, zerosLike } from '../../src/index.js';

describe('arange', () => {
  it('counts from start to stop, without stop', () => {
    expect(arange(4).toArraySync()).toEqual([0, 1, 2, 3]);
    expect(arange(1, 2, 0.25).toArraySync()).toEqual([1, 1.25, 1.5, 1.75]);
    expect(arange(5, 0, -2, { dtype: 'i64' }).toArraySync()).toEqual([5, 3, 1]);
    expect(arange(3, 3).shape).toEqual([0]);
  });

  it('does not add errors up', () => {
    const x = arange(0, 100_000, 0.1, { dtype: 'f64' }).dataSync();
    expect(x.length).toBe(1_000_000);
    expect(x[999_999]).toBe(999_999 * 0.1);
  });

  it('names what is wrong', () => {
    expect(() => arange(0, 1, 0)).toThrow(/arange: start 0, stop 1 and step 0 must be finite, and step not 0/);
    expect(() => arange(0, 1, 1, { dtype: 'bool' })).toThrow(/arange: bool has no numbers/);
  });
});

describe('linspace', () => {
  it('has both ends exactly and is symmetric', () => {
    expect(linspace(0, 1, 5).toArraySync()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(linspace(2, 7, 1).toArraySync()).toEqual([2]);
    const x = linspace(-1, 1, 1001, { dtype: 'f64' }).dataSync() as Float64Array;
    expect([x[0], x[1000]]).toEqual([-1, 1]);
    x.forEach((v, i) => expect(v).toBeCloseTo(-(x[1000 - i] ?? NaN), 15));
  });

  it('names what is wrong', () => {
    expect(() => linspace(0, 1, 0)).toThrow(/linspace: start 0 and stop 1 must be finite and count 0 a whole number >= 1/);
  });
});

describe('eye', () => {
  it('has ones on the diagonal', () => {
    expect(eye(2).toArraySync()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(eye(2, 3, { dtype: 'bool' }).toArraySync()).toEqual([
      [true, false, false],
      [false, true, false],
    ]);
    expect(eye(3, 1).toArraySync()).toEqual([[1], [0], [0]]);
    expect(eye(0).shape).toEqual([0, 0]);
  });
});

describe('the tensors like another', () => {
  const x = zeros([2, 1], { dtype: 'f64' });
  it('take its shape and dtype', () => {
    expect(zerosLike(x).toArraySync()).toEqual([[0], [0]]);
    expect(onesLike(x).toArraySync()).toEqual([[1], [1]]);
    expect(fullLike(x, 3, { dtype: 'i32' }).toArraySync()).toEqual([[3], [3]]);
    expect(fullLike(x, 3, { dtype: 'i32' }).dtype).toBe('i32');
    expect([randLike(x).dtype, randLike(x).shape]).toEqual(['f64', [2, 1]]);
  });
});
