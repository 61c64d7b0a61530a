import { afterAll, describe, expect, it } from 'vitest';
import {
  dropout,
  engine,
  getRngState,
  manualSeed,
  ones,
  rand,
  randint,
  randn,
  randperm,
  setRngState,
  type Tensor,
} from '../../src/index.js';
import { longWord, normal, philox, unit } from '../helpers/philox.js';

const threads = engine.stats().threads;
afterAll(() => engine.setThreads(threads));

const numbers = (t: Tensor): number[] => Array.from(t.dataSync() as ArrayLike<number | bigint>, Number);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const moment = (values: readonly number[], k: number, about = 0): number => mean(values.map((v) => (v - about) ** k));

describe('the reference of Philox4x32-10', () => {
  // kat_vectors of Random123 (Salmon et al. 2011).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('gives the published words for counter %j', (counter, key, words) => {
    expect(philox(counter, key)).toEqual(words);
  });
});

describe('random numbers', () => {
  const n = 1000; // several tiles of the kernel, and a part of one
  const states = [
    { seed: 0, stream: 0 },
    { seed: 2 ** 52 + 12345, stream: 7 },
    { seed: 42, stream: 2 ** 40 + 3 },
  ];

  it.each(states)('are those of the reference for %j', (state) => {
    const { seed, stream } = state;
    const expected = <T>(f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));
    setRngState(state);
    expect(numbers(rand([n]))).toEqual(expected((i) => unit('f32', seed, stream, i)));
    expect(numbers(rand([n], { dtype: 'f64' }))).toEqual(expected((i) => unit('f64', seed, stream + 1, i)));
    expect(numbers(randint(-5, 17, [n]))).toEqual(expected((i) => -5 + Number((longWord(seed, stream + 2, i) * 22n) >> 64n)));
    const z = numbers(randn([n]));
    // 24 bits of angle and 32 of radius are exact on both sides; what differs is the rounding of f32 functions.
    expected((i) => normal('f32', seed, stream + 3, i)).forEach((want, i) =>
      expect(Math.abs((z[i] ?? NaN) - want)).toBeLessThan(8 * 2 ** -23),
    );
  });

  it('are those of the reference at every length around a step, and where a large result goes past the caches', () => {
    const state = { seed: 2 ** 52 + 12345, stream: 2 ** 33 + 5 };
    const draw = (fn: () => Tensor): number[] => {
      setRngState(state);
      return numbers(fn());
    };
    const [u, z, d] = [draw(() => rand([600])), draw(() => randn([600])), draw(() => rand([600], { dtype: 'f64' }))];
    const kept = u.map((v) => (v >= 0.25 ? Math.fround(1 / 0.75) : 0));
    for (const size of [1, 15, 16, 31, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 513]) {
      expect(draw(() => rand([size]))).toEqual(u.slice(0, size));
      expect(draw(() => randn([size]))).toEqual(z.slice(0, size));
      expect(draw(() => rand([size], { dtype: 'f64' }))).toEqual(d.slice(0, size));
      expect(draw(() => dropout(ones([size]), 0.25))).toEqual(kept.slice(0, size));
      expect(draw(() => dropout(ones([size, 2]).slice([null, [0, 1]]), 0.25))).toEqual(kept.slice(0, size));
    }
    const large = (1 << 22) + 77;
    const [us, ds] = [draw(() => rand([large])), draw(() => dropout(ones([large]), 0.25))];
    for (const i of [0, 599, 1 << 20, (1 << 22) - 1, 1 << 22, large - 1]) {
      expect(us[i]).toBe(unit('f32', state.seed, state.stream, i));
      expect(ds[i]).toBe((us[i] ?? 0) >= 0.25 ? Math.fround(1 / 0.75) : 0);
    }
  });

  it('never reach the excluded end, where rounding would', () => {
    setRngState({ seed: 1, stream: 0 });
    const v = numbers(rand([100_000], { low: 1, high: 1 + 2 ** -22 }));
    expect(new Set(v)).toEqual(new Set([1, 1 + 2 ** -23]));
  });

  it('have the moments of their distributions', () => {
    manualSeed(3);
    const count = 200_000;
    const five = 5 / Math.sqrt(count); // five standard errors of a mean with variance 1
    for (const dtype of ['f32', 'f64'] as const) {
      const z = numbers(randn([count], { dtype }));
      expect(Math.abs(mean(z))).toBeLessThan(five);
      expect(Math.abs(moment(z, 2) - 1)).toBeLessThan(five * Math.sqrt(2)); // var z^2 = 2
      expect(Math.abs(moment(z, 3))).toBeLessThan(five * Math.sqrt(15));
      expect(Math.abs(moment(z, 4) - 3)).toBeLessThan(five * Math.sqrt(96));
      const u = numbers(rand([count], { dtype, low: -1, high: 1 }));
      expect(u.every((v) => v >= -1 && v < 1)).toBe(true);
      expect(Math.abs(mean(u))).toBeLessThan(five);
      expect(Math.abs(moment(u, 2) - 1 / 3)).toBeLessThan(five);
    }
    const kept = numbers(dropout(ones([count]), 0.3));
    expect(Math.abs(kept.filter((v) => v === 0).length / count - 0.3)).toBeLessThan(five);
    expect(new Set(kept)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
  });

  it('do not depend on the number of threads', () => {
    const draw = (): Buffer[] => {
      manualSeed(11);
      const made = [rand([70_000]), randn([70_001]), dropout(ones([70_003]), 0.5), randint(0, 1000, [40_000])];
      return made.map((t) => Buffer.from((t.dataSync() as Float32Array).buffer));
    };
    engine.setThreads(1);
    const want = draw();
    for (const count of [2, 3, 8]) {
      engine.setThreads(count);
      expect(draw().every((b, i) => b.equals(want[i] ?? Buffer.alloc(0)))).toBe(true);
    }
  });

  it('repeat after manualSeed and go on after setRngState', () => {
    manualSeed(5);
    const first = numbers(rand([4]));
    const state = getRngState();
    const second = numbers(rand([4]));
    expect(second).not.toEqual(first);
    setRngState(state);
    expect(numbers(rand([4]))).toEqual(second);
    manualSeed(5);
    expect(numbers(rand([4]))).toEqual(first);
    expect(() => manualSeed(-1)).toThrow(/manualSeed: seed must be a whole number >= 0, got -1/);
    expect(() => manualSeed(0.5)).toThrow(/manualSeed: seed must be a whole number >= 0, got 0.5/);
  });

  it('shuffle every number once, in all orders equally often', () => {
    manualSeed(9);
    expect(numbers(randperm(1000)).sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(randperm(0).shape).toEqual([0]);
    const counts = new Map<string, number>();
    const draws = 6000;
    for (let i = 0; i < draws; i++) {
      const key = numbers(randperm(3)).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Five standard deviations of a count with probability 1/6.
    for (const count of counts.values()) expect(Math.abs(count - draws / 6)).toBeLessThan(5 * Math.sqrt((draws * 5) / 36));
  });

  it('name what is wrong with their arguments', () => {
    expect(() => rand([2, -1])).toThrow(/rand: shape \[2,-1\] must hold whole numbers >= 0/);
    expect(() => rand([2], { low: 1, high: 0 })).toThrow(/rand: low 1 and high 0 must be finite with low <= high/);
    expect(() => randn([2], { dtype: 'i32' })).toThrow(/randn: \[2\] must be f32 or f64, got i32/);
    expect(() => randn([2], { std: NaN })).toThrow(/randn: mean 0 and std NaN must be finite with std >= 0/);
    expect(() => randint(3, 3, [2])).toThrow(/randint: low 3 and high 3 must be whole numbers with low < high/);
    expect(() => randperm(-1)).toThrow(/randperm: n must be a whole number >= 0, got -1/);
  });
});
