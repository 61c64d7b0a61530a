/** Operands that repeat the form of the one before are not decoded again (native/engine/command.cc): what differs must be proven all the same. */
import { afterEach, describe, expect, it } from 'vitest';
import { add, ones, slice, zeros, type Tensor } from '../../src/index.js';
import { native } from '../../src/binding/load.js';
import { flush, synchronize } from '../../src/runtime/stream.js';

const submit = native.submit.bind(native);
const [header, length] = [4, 4]; // words of a command without parameters, of an operand of one axis in row-major order
const [first, second, result] = [0, 1, 2].map((i) => header + i * length) as [number, number, number];

const form = 16 + 256; // one axis, row-major order, f32

const x = ones([4096]);
const everySecond = slice(ones([8192]), [[0, null, 2]]);
const small = zeros([4]);

/** y + y, its command changed before it is handed over: the result, and what the executor says of the command. */
function changed(change: (words: Float64Array) => void, y = x): { z: Tensor; said: string | null } {
  synchronize();
  const before = native.stats().lastError;
  native.submit = (words, count, seq) => {
    change(words);
    return submit(words, count, seq);
  };
  const z = add(y, y);
  flush();
  native.submit = submit;
  synchronize();
  const { lastError } = native.stats();
  return { z, said: lastError === before ? null : native.error(lastError).message };
}

describe('an operand of the same form as the one before', () => {
  afterEach(() => void (native.submit = submit));

  it('is read where it lies', () => {
    const { z, said } = changed((words) => {
      for (const at of [first, second, result]) words[at + 3] = 2048;
      words[first + 1] = 2048;
    });
    expect(said).toBe(null);
    expect(z.dataSync().slice(0, 2048)).toEqual(new Float32Array(2048).fill(2));
  });

  const refused: [string, number, () => number, RegExp][] = [
    ['in a smaller block', second, () => small.storage.block, /elements 0\.\.4095 of a block of/],
    ['further on in its block', second + 1, () => 2 ** 20, /elements 1\.04858e\+06/],
    ['in no block', result, () => 2 ** 40, /no block/],
    ['of a larger type', second + 2, () => 1 + form, /elements 0\.\.4095 of a block of 2048/],
    ['written over a smaller block', result, () => small.storage.block, /elements 0\.\.4095 of a block of/],
    ['with a form that is no number', second + 2, () => NaN, /form is/],
    ['with a type that does not exist', second + 2, () => 9 + form, /dtype is 9/],
    ['with too many axes', second + 2, () => 9 * 16, /rank is 9/],
    ['with strides that are not there', result + 2, () => 16, /ends inside an operand/],
    ['with half a dimension', second + 3, () => 0.5, /dimension is/],
  ];
  it.each(refused)('is refused %s', (_, at, value, message) => {
    const { said } = changed((words) => {
      words[at] = value();
    });
    expect(said).toMatch(message);
  });

  const stride = header + 2 * length + 1; // the last word of the second operand where both have strides
  it.each<[string, number, RegExp | null]>([
    ['as it is', 2, null],
    ['with half a stride', 0.5, /stride is/],
    ['with a stride out of its block', 3, /elements 0\.\.12285 of a block of/],
  ])('with strides is read or refused %s', (_, value, message) => {
    const { z, said } = changed((words) => {
      words[stride] = value;
    }, everySecond);
    if (message !== null) expect(said).toMatch(message);
    else expect([said, z.dataSync()]).toEqual([null, new Float32Array(4096).fill(2)]);
  });
});
