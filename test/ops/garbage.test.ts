import { describe, expect, it } from 'vitest';

import { ChainruleError, fromArray, scope, tensor, Tensor, type DType } from '../../src/index.js';
import * as ops from '../../src/ops/index.js';

function disposed(): Tensor {
  const t = tensor([[1, 2]]);
  t.dispose();
  return t;
}

/** Looks like a tensor, as what arrives from a worker by postMessage does. */
const lookalike = { ...tensor([1, 2, 3]) };

const throwing = new Proxy(
  {},
  {
    get: () => {
      throw new RangeError('a getter of the user');
    },
  },
);

const garbage: readonly (readonly [name: string, value: () => unknown])[] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['{}', () => ({})],
  ['an object without prototype', (): unknown => Object.create(null)],
  ['a symbol', () => Symbol('x')],
  ['NaN', () => NaN],
  ['Infinity', () => Infinity],
  ['-1', () => -1],
  ['1.5', () => 1.5],
  ['2 ** 53', () => 2 ** 53],
  ['a bigint', () => 3n],
  ['a string', () => 'abc'],
  ['a function', () => () => 1],
  ['an array', () => [1, 2]],
  ['an array of anything', () => [null, undefined, {}, 'x', NaN]],
  ['a typed array', () => new Float32Array(3)],
  ['a date', () => new Date(0)],
  ['a look-alike', () => lookalike],
  ['a disposed tensor', disposed],
  ['an empty tensor', () => fromArray([], [0, 3])],
  ['an integer tensor', () => tensor([1, 2, 3], { dtype: 'i64' as DType })],
  ['a tensor of rank 8', () => fromArray([1], [1, 1, 1, 1, 1, 1, 1, 1])],
  ['a boolean', () => true],
];

/** Whatever a call returned is read, so that errors of the executor come out too. */
function readAll(result: unknown): void {
  if (result instanceof Tensor) {
    if (result.size <= 1e6) result.dataSync();
  } else if (Array.isArray(result)) result.forEach(readAll);
}

/** null, or what is wrong with how the call ended. */
function outcome(call: () => unknown): string | null {
  try {
    scope(() => readAll(call()));
    return null;
  } catch (error) {
    if (error instanceof ChainruleError) return error.message.length > 8 ? null : `says only ${error.message}`;
    if (error instanceof RangeError && error.message === 'a getter of the user') return null;
    return String(error instanceof Error ? error.stack?.split('\n').slice(0, 3).join(' ') : error);
  }
}

const functions = Object.entries(ops) as [string, (...args: unknown[]) => unknown][];

describe.each(functions)('%s', (name, op) => {
  it('throws a ChainruleError, or works, whatever it is given', () => {
    const good = (): Tensor => tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
    const wrong: string[] = [];
    const check = (text: string, args: () => unknown[]): void => {
      const problem = outcome(() => op(...args()));
      if (problem !== null) wrong.push(`${name}(${text}): ${problem}`);
    };
    check('', () => []);
    for (const [first, a] of garbage) {
      check(first, () => [a()]);
      check(`x, ${first}`, () => [good(), a()]);
      check(`x, x, ${first}`, () => [good(), good(), a()]);
      check(`x, 0, ${first}`, () => [good(), 0, a()]);
      check(`x, 0, x, ${first}`, () => [good(), 0, good(), a()]);
      check(`[x, ${first}]`, () => [[good(), a()]]);
    }
    check('throwing', () => [throwing]);
    check('x, throwing', () => [good(), throwing]);
    expect(wrong).toEqual([]);
    expect([...tensor([1, 2]).add(1).dataSync()]).toEqual([2, 3]);
  });
});
