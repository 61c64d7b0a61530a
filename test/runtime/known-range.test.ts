import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  arange,
  argsort,
  bernoulli,
  crossEntropy,
  embedding,
  fromArray,
  full,
  oneHot,
  randint,
  randperm,
  remainder,
  tensor,
  topk,
  zeros,
  type Tensor,
} from '../../src/index.js';
import { isIndexInto } from '../../src/runtime/known-range.js';

afterEach(() => {
  vi.restoreAllMocks();
});

/** How many stacks are taken while fn runs. */
function stacks(fn: () => void): number {
  const capture = vi.spyOn(Error, 'captureStackTrace');
  fn();
  const count = capture.mock.calls.length;
  capture.mockRestore();
  return count;
}

function stackOf(t: Tensor): string {
  try {
    t.dataSync();
  } catch (error) {
    return error instanceof Error ? `${error.message} ${error.stack ?? ''}` : '';
  }
  return '';
}

describe.each([
  { name: 'i32', make: (values: readonly number[]) => fromArray(Int32Array.from(values), [values.length]) },
  { name: 'i64', make: (values: readonly number[]) => fromArray(BigInt64Array.from(values, BigInt), [values.length]) },
])('labels written from JavaScript as $name', ({ make }) => {
  it('are known by their range, views included', () => {
    const labels = make([3, 0, 5]);
    expect(isIndexInto(labels, 6)).toBe(true);
    expect(isIndexInto(labels, 5)).toBe(false);
    expect(isIndexInto(labels.narrow(0, 1, 1).reshape([]), 6)).toBe(true);
    expect(isIndexInto(make([0, -1]), 6)).toBe(false);
    expect(isIndexInto(labels.add(0), 6)).toBe(false);
  });

  it('cost no stack where they are good', () => {
    const x = zeros([3, 6]);
    expect(stacks(() => crossEntropy(x, make([3, 0, 5])).dispose())).toBe(0);
    expect(stacks(() => embedding(make([2, 0]), x).dispose())).toBe(0);
    expect(stacks(() => crossEntropy(x, make([3, 0, 5]).add(0)).dispose())).toBe(1);
  });

  it('that are out of range still name the line that called', () => {
    expect(stackOf(crossEntropy(zeros([2, 3]), make([0, 3])))).toMatch(/label 3 is out of range[^]*known-range\.test\.ts/);
  });

  it('are forgotten when something else is written', () => {
    const labels = make([0, 1]);
    labels.setData([0, 7]);
    expect(isIndexInto(labels, 3)).toBe(false);
    expect(stackOf(crossEntropy(zeros([2, 3]), labels))).toMatch(/label 7 is out of range[^]*known-range\.test\.ts/);
    labels.setData([2, 2]);
    expect(isIndexInto(labels, 3)).toBe(true);
    labels.narrow(0, 0, 1).setData([9]);
    expect(isIndexInto(labels, 3)).toBe(false);
  });
});

it('positions are known by the op that makes them', () => {
  const x = tensor([
    [1, 2, NaN],
    [5, 4, 3],
  ]);
  const found = [
    x.argmax({ axis: 1 }),
    x.argmin({ axis: 1, keepdims: true }),
    x.sort().indices,
    argsort(x),
    topk(x, 2).indices,
    randperm(3),
  ];
  for (const t of [...found, randint(0, 3, [9]), arange(3, undefined, 1, { dtype: 'i64' }), full([2], 2, { dtype: 'i64' })]) {
    expect(isIndexInto(t, 3)).toBe(true);
    expect(isIndexInto(t, 2)).toBe(false);
  }
  const indices = randperm(3);
  indices.setData(new BigInt64Array([0n, 7n, 1n]));
  expect(isIndexInto(indices, 3)).toBe(false);
});

it('what cannot fail costs no stack', () => {
  const x = tensor([1, 2, 3], { requiresGrad: true });
  const label = tensor([1, 0], { dtype: 'i64' });
  expect(stacks(() => void oneHot(label, 2))).toBe(0);
  const best = topk(x, 2).values.sum();
  expect(
    stacks(() => {
      best.backward();
    }),
  ).toBe(0);
  expect(stacks(() => void zeros([2]).scatterAdd(0, label, tensor([1, 2])))).toBe(0);
  expect(stacks(() => void remainder(x, 2))).toBe(0);
  expect(stacks(() => void bernoulli(full([3], 0.5)))).toBe(0);
  for (const fails of [
    () => oneHot(label, 1),
    () => remainder(label, 0),
    () => bernoulli(full([3], 1.5)),
    () => zeros([2]).scatterAdd(0, label.add(2), x.narrow(0, 0, 2)),
  ]) {
    expect(
      stacks(() => {
        fails();
      }),
    ).toBe(1);
    expect(stackOf(fails())).toMatch(/known-range\.test\.ts/);
  }
});

it('numbers above 32 bits, fractions and long lists have no known range', () => {
  expect(isIndexInto(fromArray(new BigInt64Array([2n ** 32n]), [1]), 10)).toBe(false);
  expect(isIndexInto(fromArray(new BigInt64Array([2n ** 31n]), [1]), 2 ** 40)).toBe(false);
  expect(isIndexInto(tensor([1, 2]), 10)).toBe(false);
  expect(isIndexInto(fromArray(new Int32Array(5000), [5000]), 10)).toBe(false);
});
