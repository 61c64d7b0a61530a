import { expect, it } from 'vitest';
import { fromArray, to, type Tensor } from '../../src/index.js';

/** Long enough for the vectors of every instruction set, and a rest. */
const repeated = <T>(values: readonly T[]) => Array.from({ length: 6 }, () => values).flat();
const numbers = async (x: Tensor) => [...(await x.data())].map(Number);

it.each(['f32', 'f64', 'i32', 'i64'] as const)('bytes of every value become %s', async (dtype) => {
  const bytes = repeated(Array.from({ length: 256 }, (_, i) => i)).concat(200, 100, 255);
  const x = fromArray(Uint8Array.from(bytes), [bytes.length], { dtype: 'u8' });
  expect(await numbers(to(x, dtype))).toEqual(bytes);
  const signed = bytes.map((byte) => Math.min(byte, 127) - (byte % 2 === 0 ? 0 : 128));
  const y = to(fromArray(Int32Array.from(signed), [signed.length]), 'i8');
  expect(await numbers(to(y, dtype))).toEqual(signed);
  expect(await numbers(to(to(x, 'bool'), dtype))).toEqual(bytes.map((byte) => (byte === 0 ? 0 : 1)));
});

it.each(['f32', 'f64'] as const)('%s becomes i64, in 32 bits or not', async (dtype) => {
  const values = [0, -0, 1.9, -1.9, 2 ** 31 - 128, 2 ** 31, -(2 ** 31), -(2 ** 31) - 256, 2 ** 40, -(2 ** 40), 2 ** 62, -(2 ** 63)];
  for (const odd of [3, 7, 1]) {
    const mixed = repeated([...values.flatMap((value) => Array.from({ length: odd }, (_, i) => (i === 0 ? value : i))), ...values]);
    const x = fromArray(mixed, [mixed.length], { dtype });
    const exact = mixed.map((value) => BigInt(Math.trunc(value)));
    expect([...(await to(x, 'i64').data())]).toEqual(exact);
  }
  const edges = repeated([NaN, 2 ** 63, Infinity, -Infinity, 5]);
  const highest = 2n ** 63n - 1n;
  expect([...(await to(fromArray(edges, [edges.length], { dtype }), 'i64').data())]).toEqual(
    repeated([0n, highest, highest, -(2n ** 63n), 5n]),
  );
});
