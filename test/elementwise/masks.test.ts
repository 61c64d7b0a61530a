import { describe, expect, it } from 'vitest';
import { engine, eq, fromArray, ge, gt, isNaN as isNaNOf, le, lt, ne, scope, tensor, type Tensor } from '../../src/index.js';

const questions: readonly [string, (x: Tensor, y: Tensor | number) => Tensor, (a: number, b: number) => boolean][] = [
  ['eq', eq, (a, b) => a === b],
  ['ne', ne, (a, b) => a !== b],
  ['lt', lt, (a, b) => a < b],
  ['le', le, (a, b) => a <= b],
  ['gt', gt, (a, b) => a > b],
  ['ge', ge, (a, b) => a >= b],
];
const special = [3, 2, -0, NaN, 1, Infinity, 0, 5, -Infinity, 4, 2];
const plain = [3, 2, 0, 1, 7, 5, 2, 4, 0, 6, 9];

/** Where a list of bools differs from what it should be; -1: nowhere. */
function firstWrong(got: Tensor, want: (i: number) => boolean): number {
  return [...got.dataSync()].findIndex((v, i) => Boolean(v) !== want(i));
}

// Around the vectors of each type, those that make one of bytes, tiles and units of work; from anywhere in a vector.
describe('comparisons', () => {
  it.each(['f32', 'f64', 'i32', 'i64', 'u8', 'bool'] as const)('of any length, between lists and with a number: %s', (dtype) => {
    engine.setThreads(3);
    const floats = dtype === 'f32' || dtype === 'f64';
    for (const n of [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 511, 513, 33_000, 70_001]) {
      scope(() => {
        const list = (shift: number, values: readonly number[]): number[] => {
          const at = (i: number): number => values[(i + shift * (i >> 3)) % values.length]!;
          return Array.from({ length: n + 3 }, (_, i) => (dtype === 'bool' ? at(i) % 2 : at(i)));
        };
        const [a, b] = [list(1, floats ? special : plain), list(2, floats ? special : plain)];
        const one = dtype === 'bool' ? 1 : 2;
        const from = (values: readonly number[]): Tensor =>
          fromArray(Float32Array.from(values), [n + 3])
            .to(dtype)
            .slice([[3, n + 3]]);
        const [x, y, number] = [from(a), from(b), tensor([one]).to(dtype)];
        for (const [name, ask, want] of questions) {
          expect([name, n, firstWrong(ask(x, y), (i) => want(a[i + 3]!, b[i + 3]!))]).toEqual([name, n, -1]);
          expect([name, n, firstWrong(ask(x, one), (i) => want(a[i + 3]!, one))]).toEqual([name, n, -1]);
          expect([name, n, firstWrong(ask(number, y), (i) => want(one, b[i + 3]!))]).toEqual([name, n, -1]);
        }
        if (floats) expect(firstWrong(isNaNOf(x), (i) => Number.isNaN(a[i + 3]))).toBe(-1);
      });
    }
  });
});
