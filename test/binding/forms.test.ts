/** Operands that repeat the form of the one before are not decoded again (native/engine/command.cc): what differs must be proven all the same. */
import { afterEach, describe, expect, it } from 'vitest';
import { add, ones, reshape, slice, zeros, type Tensor } from '../../src/index.js';
import { native } from '../../src/binding/load.js';
import { checkFormat, flush, synchronize } from '../../src/runtime/stream.js';

const submit = native.submit.bind(native);
/** Words of a command without parameters, and of an operand of one axis in row-major order: form, size. */
const [header, length] = [3, 2];
const [second, result] = [header + length, header + 2 * length];

const perBlock = 2048;
const rowMajor = 256;
/** The form of operands that begin where their block begins, from what says nothing of the block. */
const inBlock = (block: number, form = 1024 + rowMajor + 16): number => perBlock * block + form;

const x = ones([4096]);
const everySecond = slice(ones([8192]), [[0, null, 2]]);
const small = zeros([4]);
const late = reshape(slice(ones([2, 4096]), [[1, null]]), [4096]);
/** Where the second operand stands if the first has an offset. */
const afterLate = header + 3;

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
      for (const at of [header, afterLate]) words[at + 2] = 2048;
      words[afterLate + 3 + 1] = 2048;
      words[header + 1] = 2048;
    }, late);
    expect(said).toBe(null);
    expect(z.dataSync().slice(0, 2048)).toEqual(new Float32Array(2048).fill(2));
  });

  const refused: [string, number, (word: number) => number, RegExp][] = [
    ['in a smaller block', second, () => inBlock(small.storage.block), /elements 0\.\.4095 of a block of/],
    ['in no block', result, () => inBlock(2 ** 40), /no block/],
    ['of a larger type', second, (word) => word + 1, /elements 0\.\.4095 of a block of 2048/],
    ['written over a smaller block', result, () => inBlock(small.storage.block), /elements 0\.\.4095 of a block of/],
    ['with a form that is no number', second, () => NaN, /form is/],
    ['with a form that is too large', second, () => 2 ** 60, /form is/],
    ['with a type that does not exist', second, (word) => word + 9, /dtype is 9/],
    ['with too many axes', second, (word) => word + 8 * 16, /rank is 9/],
    ['with strides that are not there', result, (word) => word - rowMajor, /ends inside an operand/],
    ['with half a dimension', second + 1, () => 0.5, /dimension is/],
  ];
  it.each(refused)('is refused %s', (_, at, value, message) => {
    const { said } = changed((words) => {
      words[at] = value(words[at]!);
    });
    expect(said).toMatch(message);
  });

  it.each<[string, number, RegExp]>([
    ['further on in its block', 2 ** 20, /elements 1\.04858e\+06/],
    ['at half an element', 0.5, /offset is/],
    ['in front of its block', -1, /offset is/],
  ])('is refused %s', (_, offset, message) => {
    const { said } = changed((words) => {
      words[afterLate + 1] = offset;
    }, late);
    expect(said).toMatch(message);
  });

  const stride = header + 2 * 3 - 1; // the last word of the second operand where both have strides
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

describe('the format of commands', () => {
  it('is that of the addon, and any other is refused', () => {
    expect(() => checkFormat(native.commandFormat)).not.toThrow();
    expect(() => checkFormat(native.commandFormat + 1)).toThrow(
      /built from other sources \(it takes commands of format 2, this code writes 1\)/,
    );
    expect(() => checkFormat(undefined)).toThrow(/npm run build/); // addons from before there was a number
  });
});
