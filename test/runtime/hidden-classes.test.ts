import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';

import { describe, expect, it } from 'vitest';

import { narrow, zeros, type Tensor } from '../../src/index.js';

/** One of V8's own functions, called with `values`. The flag is for the parser alone. */
function ask(name: 'HaveSameMap' | 'HasDoubleElements', ...values: readonly object[]): unknown {
  const names = values.map((_, i) => `v${i}`).join();
  setFlagsFromString('--allow-natives-syntax');
  try {
    const call: unknown = runInThisContext(`(([${names}]) => %${name}(${names}))`);
    return typeof call === 'function' ? Reflect.apply(call, undefined, [values]) : undefined;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

/** Whole numbers in a list that V8 stores as floating-point numbers: it once held a fraction. */
function asFractions(...sizes: readonly number[]): number[] {
  return [0.5, ...sizes].slice(1);
}

describe('a tensor of sizes that V8 holds as floating-point numbers', () => {
  const plain = narrow(zeros([4, 3]), 0, 1, 2);
  const shape = asFractions(4, 3);
  const odd: Tensor = narrow(zeros(shape), 0, 1, 2);

  it('is laid out as any other', () => {
    expect(ask('HasDoubleElements', shape)).toBe(true);
    expect(ask('HaveSameMap', plain, odd)).toBe(true);
    expect(ask('HaveSameMap', plain.storage, odd.storage)).toBe(true);
  });

  it('has strides as any other', () => {
    expect(ask('HasDoubleElements', zeros(shape).strides)).toBe(false);
  });
});
