/** How commands are handed to the executor: in larger batches while others wait, again while the queue is full. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { relu, scope, zeros, type Tensor } from '../../src/index.js';
import { native } from '../../src/binding/load.js';
import { flush, synchronize } from '../../src/runtime/stream.js';

const submit = native.submit.bind(native);
let x: Tensor;
/** Number of the last command of each batch. */
let ends: number[] = [];

/** Batches of `calls` commands that touch 2^16 elements each, where the queue answers that. */
function lengths(calls: number, answer: number): number[] {
  native.submit = (words, count, seq) => {
    submit(words, count, seq);
    ends.push(seq);
    return answer;
  };
  relu(x);
  flush(); // from here on the answer is known
  ends = ends.slice(-1);
  scope(() => {
    for (let i = 0; i < calls; i++) relu(x);
  });
  return ends.slice(1).map((end, i) => end - (ends[i] ?? 0));
}

describe('batches of commands', () => {
  beforeEach(() => {
    x = zeros([1 << 15]);
    flush();
  });
  afterEach(() => {
    native.submit = submit;
    synchronize();
    ends = [];
  });

  it('are short while nothing waits, so that the executor begins at once', () => {
    expect(lengths(8, 0)).toEqual([2, 2, 2, 2]);
  });

  it('are longer while others wait', () => {
    expect(lengths(27, 1000)).toEqual([9, 9, 9]);
  });

  it('are offered again while the queue is full', () => {
    let refused = 3;
    native.submit = (words, count, seq) => (refused-- > 0 ? -1 : submit(words, count, seq));
    const y = relu(x);
    flush();
    expect(refused).toBe(-1);
    expect(y.dataSync()).toEqual(new Float32Array(1 << 15));
  });
});
