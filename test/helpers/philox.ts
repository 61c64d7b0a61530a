/** Philox4x32-10 in plain BigInt arithmetic (Salmon et al. 2011), and the numbers that the engine makes of its words. */
import type { Nd } from './nd.js';

type Words = readonly [number, number, number, number];

const low = (v: bigint): bigint => v & 0xffffffffn;

/** Ten rounds on a counter of four words with a key of two. */
export function philox(counter: Words, key: readonly [number, number]): Words {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, low(p1), (p0 >> 32n) ^ c3 ^ k1, low(p0)];
    k0 = low(k0 + 0x9e3779b9n);
    k1 = low(k1 + 0xbb67ae85n);
  }
  return [Number(c0), Number(c1), Number(c2), Number(c3)];
}

const halves = (n: number): [number, number] => [n % 2 ** 32, Math.floor(n / 2 ** 32)];

/** Word `i` of a stream. */
export function word(seed: number, stream: number, i: number): number {
  const [a, b] = halves(Math.floor(i / 4));
  const [c, d] = halves(stream);
  return philox([a, b, c, d], halves(seed))[i % 4]!;
}

/** 64 bits of a stream: words 2 i and 2 i + 1. */
export function longWord(seed: number, stream: number, i: number): bigint {
  return BigInt(word(seed, stream, 2 * i)) | (BigInt(word(seed, stream, 2 * i + 1)) << 32n);
}

/** Element `i` of rand(): 24 bits for f32, 53 for f64. */
export function unit(dtype: 'f32' | 'f64', seed: number, stream: number, i: number): number {
  return dtype === 'f32' ? (word(seed, stream, i) >>> 8) * 2 ** -24 : Number(longWord(seed, stream, i) >> 11n) * 2 ** -53;
}

/** Element `i` of randn(): Box and Muller's pairs, from elements j and j + 16 of each block of 32. */
export function normal(dtype: 'f32' | 'f64', seed: number, stream: number, i: number): number {
  const isSecond = i % 32 >= 16;
  const first = isSecond ? i - 16 : i;
  if (dtype === 'f32') return normalF32(word(seed, stream, first), word(seed, stream, first + 16), isSecond);
  const u = Number(longWord(seed, stream, first) >> 12n) * 2 ** -52 + 2 ** -53;
  // Quarter turns are exact, so that the rest of the angle is as accurate as Math.sin and Math.cos.
  const turns = 4 * unit(dtype, seed, stream, first + 16);
  const quarter = Math.round(turns);
  const rest = ((turns - quarter) * Math.PI) / 2;
  const [c, s] = [Math.cos(rest), Math.sin(rest)];
  const cos = [c, -s, -c, s][quarter % 4]!;
  const sin = [s, c, -s, -c][quarter % 4]!;
  return Math.sqrt(-2 * Math.log(u)) * (isSecond ? sin : cos);
}

/** 31 bits of a give the radius; 30 of b an eighth of a turn either way, the next exchanges sine and cosine, the highest is the cosine's sign. */
function normalF32(a: number, b: number, isSecond: boolean): number {
  const u = Math.fround(Math.fround(a >>> 1) + 0.5) * 2 ** -31;
  const angle = ((b << 2) * Math.PI) / 2 ** 33;
  const cos = Math.cos(angle) * (b >>> 31 === 1 ? -1 : 1);
  const isExchanged = ((b >>> 30) & 1) === 1;
  return Math.sqrt(-2 * Math.log(u)) * (isSecond === isExchanged ? cos : Math.sin(angle));
}

/** f(i) for every element of x's shape, by position. */
export function byPosition(shape: readonly number[], f: (i: number) => number): Nd {
  return { shape, data: new Float64Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => f(i)) };
}
