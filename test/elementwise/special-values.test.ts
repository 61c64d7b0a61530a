import { describe, expect, it } from 'vitest';
import {
  abs,
  clamp,
  cos,
  elu,
  eq,
  erf,
  exp,
  expm1,
  floorDivide,
  fromArray,
  gelu,
  gradients,
  isFinite,
  isInf,
  isNaN,
  leakyRelu,
  log,
  log1p,
  log2,
  lt,
  maximum,
  minimum,
  mish,
  mul,
  ne,
  neg,
  pow,
  reciprocal,
  relu,
  remainder,
  round,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  sum,
  tanh,
  tensor,
  to,
  where,
  type DType,
  type Tensor,
} from '../../src/index.js';

const floats = ['f32', 'f64'] as const;
const inf = Infinity;

function list(values: readonly number[], dtype: DType): Tensor {
  const data = dtype === 'i64' ? BigInt64Array.from(values, BigInt) : Float64Array.from(values);
  return fromArray(data, [values.length], { dtype });
}
function values(t: Tensor): number[] {
  return Array.from(t.dataSync() as ArrayLike<number | bigint>, Number);
}
/** Equal as by Object.is: NaN is NaN, and -0 is not 0. */
function same(t: Tensor, want: readonly number[]): void {
  const got = values(t);
  expect(got.map((v, i) => (Object.is(v, want[i]) ? v : `${Object.is(v, -0) ? '-0' : v} at ${i}`))).toEqual(want);
}

describe.each(floats)('special values in %s', (dtype) => {
  const x = (...v: number[]): Tensor => list(v, dtype);
  const cases: readonly [name: string, op: (x: Tensor) => Tensor, from: number[], to: number[]][] = [
    ['exp', exp, [-inf, -0, 0, inf, NaN, -1e5, 1e5], [0, 1, 1, inf, NaN, 0, inf]],
    ['expm1', expm1, [-inf, -0, 0, inf, NaN, -1e5, 1e5], [-1, -0, 0, inf, NaN, -1, inf]],
    ['log', log, [-1, -0, 0, 1, inf, NaN, -inf], [NaN, -inf, -inf, 0, inf, NaN, NaN]],
    ['log1p', log1p, [-2, -1, -0, 0, inf, NaN], [NaN, -inf, -0, 0, inf, NaN]],
    ['log2', log2, [-1, 0, 1, 8, 2 ** -120, inf, NaN], [NaN, -inf, 0, 3, -120, inf, NaN]],
    ['sqrt', sqrt, [-1, -0, 0, 4, inf, NaN], [NaN, -0, 0, 2, inf, NaN]],
    ['rsqrt', rsqrt, [-1, -0, 0, 4, inf, NaN], [NaN, -inf, inf, 0.5, 0, NaN]],
    ['reciprocal', reciprocal, [-0, 0, -inf, inf, NaN], [-inf, inf, -0, 0, NaN]],
    ['sin', sin, [-inf, -0, 0, inf, NaN], [NaN, -0, 0, NaN, NaN]],
    ['cos', cos, [-inf, -0, 0, inf, NaN], [NaN, 1, 1, NaN, NaN]],
    ['tanh', tanh, [-inf, -0, 0, inf, NaN, 50], [-1, -0, 0, 1, NaN, 1]],
    ['sigmoid', sigmoid, [-inf, -0, inf, NaN, -1e5, 1e5], [0, 0.5, 1, NaN, 0, 1]],
    ['erf', erf, [-inf, -0, 0, inf, NaN, 30], [-1, -0, 0, 1, NaN, 1]],
    ['relu', relu, [-inf, -1, 0, inf, NaN], [0, 0, 0, inf, NaN]],
    ['leakyRelu', (v) => leakyRelu(v, 0.5), [-inf, -0, inf, NaN], [-inf, -0, inf, NaN]],
    ['elu', (v) => elu(v), [-inf, -0, inf, NaN], [-1, -0, inf, NaN]],
    ['gelu', (v) => gelu(v), [-inf, 0, inf, NaN, -100], [-0, 0, inf, NaN, -0]],
    ['gelu (tanh)', (v) => gelu(v, { approximate: 'tanh' }), [-inf, 0, inf, NaN, -1000], [-0, 0, inf, NaN, -0]],
    ['silu', silu, [-inf, 0, inf, NaN], [-0, 0, inf, NaN]],
    ['mish', mish, [-inf, 0, inf, NaN], [-0, 0, inf, NaN]],
    ['softplus', (v) => softplus(v), [-inf, inf, NaN, 1e4], [0, inf, NaN, 1e4]],
    ['abs', abs, [-inf, -0, NaN], [inf, 0, NaN]],
    ['neg', neg, [0, -0, inf, NaN], [-0, 0, -inf, NaN]],
    ['sign', sign, [-inf, -0.5, 0, inf, NaN], [-1, -1, 0, 1, 0]],
    ['round', round, [-0.5, 0.5, 1.5, 2.5, -inf, NaN], [-0, 0, 2, 2, -inf, NaN]],
    ['clamp', (v) => clamp(v, -1, 1), [-inf, -0, inf, NaN], [-1, -0, 1, NaN]],
    ['isNaN', isNaN, [-inf, 0, NaN], [0, 0, 1]],
    ['isInf', isInf, [-inf, 0, NaN, inf], [1, 0, 0, 1]],
    ['isFinite', isFinite, [-inf, 0, NaN, inf], [0, 1, 0, 0]],
  ];
  it.each(cases)('%s', (_, op, from, to) => same(op(x(...from)), to));

  it('the smallest numbers are not flushed to zero', () => {
    const tiny = dtype === 'f32' ? 2 ** -149 : 5e-324;
    for (const op of [tanh, sin, erf, expm1, log1p, (v: Tensor) => leakyRelu(v), relu, (v: Tensor) => mul(v, 1)]) {
      same(op(x(tiny)), [tiny]);
    }
    same(log2(x(tiny)), [dtype === 'f32' ? -149 : -1074]);
    expect(values(exp(x(dtype === 'f32' ? -100 : -740)))[0]).toBeGreaterThan(0);
  });

  it('maximum and minimum hand NaN on', () => {
    same(maximum(x(NaN, 1, -inf, 2), x(1, NaN, inf, -2)), [NaN, NaN, inf, 2]);
    same(minimum(x(NaN, 1, -inf, 2), x(1, NaN, inf, -2)), [NaN, NaN, -inf, -2]);
  });

  it('comparisons with NaN are false, but for ne', () => {
    same(eq(x(NaN), NaN), [0]);
    same(ne(x(NaN), NaN), [1]);
    same(lt(x(NaN), 1), [0]);
  });

  it('pow follows IEEE 754', () => {
    const edges = [0, -0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 2.5, -2.5, inf, -inf, NaN, 1e30, -1e30, 1e-30];
    // ECMAScript differs for a base of 1 or -1 with an infinite or NaN exponent: IEEE says 1.
    const ieee = (a: number, b: number): number => (a === 1 || (a === -1 && Math.abs(b) === inf) ? 1 : a ** b);
    for (const b of edges) {
      const got = values(pow(list(edges, dtype), list([b], dtype)));
      edges.forEach((a, i) => {
        const [fa, fb] = dtype === 'f32' ? [Math.fround(a), Math.fround(b)] : [a, b];
        const want = dtype === 'f32' ? Math.fround(ieee(fa, fb)) : ieee(fa, fb);
        if (Number.isFinite(want) && want !== 0)
          expect(Math.abs(got[i]! / want - 1), `${a} ** ${b}`).toBeLessThan(dtype === 'f32' ? 3e-7 : 1e-15);
        else expect(got[i], `${a} ** ${b}`).toBe(want);
      });
    }
  });

  it('remainder and floorDivide of floats follow Python', () => {
    same(remainder(x(-1, 5, -5, 5, 7.5), x(inf, -3, 3, 0, 2)), [inf, -1, 1, NaN, 1.5]);
    same(floorDivide(x(-1, 5, -5, 5, -0, 7.5), x(inf, -3, 3, 0, 3, 2)), [-1, -2, -2, inf, -0, 3]);
  });

  it('remainder and floorDivide are exact where the quotient is next to a whole number, and where it is huge', () => {
    const python = (a: number, b: number): number => (a % b !== 0 && a % b < 0 !== b < 0 ? (a % b) + b : a % b);
    for (const [dtype, ulp, most] of [
      ['f32', 2 ** -24, 30],
      ['f64', 2 ** -53, 60],
    ] as const) {
      const round = dtype === 'f32' ? Math.fround : (v: number): number => v;
      const [a, b]: [number[], number[]] = [[], []];
      for (let i = 0; i < 2000; i++) {
        const divisor = round(((i % 7) - 3.5) * (1 + Math.sin(i) / 2));
        const quotient = Math.round(2 ** ((most * i) / 2000)) * (i % 2 === 0 ? 1 : -1);
        a.push(round(divisor * quotient * (1 + ((i % 5) - 2) * ulp)));
        b.push(divisor);
      }
      const [rest, whole] = [values(remainder(list(a, dtype), list(b, dtype))), values(floorDivide(list(a, dtype), list(b, dtype)))];
      a.forEach((v, i) => {
        const [divisor, want] = [b[i]!, round(python(v, b[i]!))];
        expect(rest[i], `${v} % ${divisor}`).toBe(want);
        if (Math.abs(v / divisor) < 2 ** 22)
          expect(whole[i]! + 0, `${v} // ${divisor}`).toBe(Math.round((v - python(v, divisor)) / divisor) + 0);
      });
    }
  });

  it('gradients at infinities are the limits, not inf * 0', () => {
    const at = x(-inf, -1e4, 1e4, inf);
    at.requiresGrad = true;
    for (const op of [
      silu,
      mish,
      (v: Tensor) => gelu(v),
      (v: Tensor) => gelu(v, { approximate: 'tanh' }),
      (v: Tensor) => softplus(v),
      relu,
    ]) {
      expect(values(gradients([sum(op(at))], [at])[0]!).map(Math.abs)).toEqual([0, 0, 1, 1]);
    }
    same(gradients([sum(tanh(at))], [at])[0]!, [0, 0, 0, 0]);
  });

  it('where passes no gradient and no NaN from what it did not choose', () => {
    const at = x(-1, 4);
    at.requiresGrad = true;
    const y = where(lt(at, 0), 0, sqrt(where(lt(at, 0), 1, at)));
    same(gradients([sum(y)], [at])[0]!, [0, 0.25]);
  });

  it('the gradient of maximum is shared where both are equal', () => {
    const a = x(1, 2, 3);
    const b = x(1, 3, 2);
    a.requiresGrad = b.requiresGrad = true;
    const [ga, gb] = gradients([sum(maximum(a, b))], [a, b]);
    same(ga!, [0.5, 0, 1]);
    same(gb!, [0.5, 1, 0]);
  });

  it('pow at 0 has the limits as gradients', () => {
    const a = x(0, 0, 0);
    const b = x(0, 1, 2);
    a.requiresGrad = b.requiresGrad = true;
    const [ga, gb] = gradients([sum(pow(a, b))], [a, b]);
    same(ga!, [0, 1, 0]);
    same(gb!, [0, 0, 0]);
  });
});

describe('integers', () => {
  const lowest = -(2 ** 31);

  it('wrap and never trap', () => {
    same(neg(list([lowest, 5], 'i32')), [lowest, -5]);
    same(abs(list([lowest, -5], 'i32')), [lowest, 5]);
    same(sub(list([lowest], 'i32'), 1), [2 ** 31 - 1]);
    same(square(list([2 ** 16 + 1], 'i32')), [2 ** 17 + 1]);
    same(floorDivide(list([lowest], 'i32'), -1), [lowest]);
    same(remainder(list([lowest], 'i32'), -1), [0]);
    expect(floorDivide(list([-(2 ** 63)], 'i64'), -1).dataSync()[0]).toBe(-(2n ** 63n));
  });

  it('divide as Python does', () => {
    same(floorDivide(list([7, -7, 7, -7], 'i32'), list([3, 3, -3, -3], 'i32')), [2, -3, -3, 2]);
    same(remainder(list([7, -7, 7, -7], 'i64'), list([3, 3, -3, -3], 'i64')), [1, 2, -2, -1]);
    same(floorDivide(list([250, 7], 'u8'), list([7, 250], 'u8')), [35, 0]);
  });

  it('have powers', () => {
    same(pow(list([3, -2, 0, 1, -1, 2], 'i32'), list([4, 3, 0, -5, -5, -1], 'i32')), [81, -8, 1, 1, -1, 0]);
  });

  it('are limited to what bounds their type can hold', () => {
    same(clamp(list([0, 5, 200], 'u8'), -1, 100), [0, 5, 100]);
    same(clamp(list([-5, 5], 'i32'), -1e12, 3), [-5, 3]);
    expect(clamp(list([1, 2], 'i32'), 0, 1.5).dtype).toBe('f32');
  });

  it('become f32 when divided or compared with a fraction', () => {
    expect(list([1, 2], 'i32').div(2).dtype).toBe('f32');
    same(lt(list([1, 2], 'i32'), 1.5), [1, 0]);
  });
});

describe('casts', () => {
  it('cut towards zero and saturate', () => {
    const x = list([-1e30, -2.9, -0, 2.9, 1e30, NaN, inf], 'f64');
    same(to(x, 'i32'), [-(2 ** 31), -2, 0, 2, 2 ** 31 - 1, 0, 2 ** 31 - 1]);
    same(to(x, 'u8'), [0, 0, 0, 2, 255, 0, 255]);
    same(to(x, 'bool'), [1, 1, 0, 1, 1, 1, 1]);
    expect([...to(x, 'i64').dataSync()]).toEqual([-(2n ** 63n), -2n, 0n, 2n, 2n ** 63n - 1n, 0n, 2n ** 63n - 1n]);
    same(to(tensor([300, -1], { dtype: 'i32' }), 'u8'), [44, 255]);
  });

  it('give in vectors what they give one by one', () => {
    const values = [-inf, -(2 ** 31), -2.9, -0, 0.5, 255.5, 256, 2147483520, 2 ** 31, 1e30, NaN];
    for (const from of ['f32', 'f64', 'i32', 'i64', 'u8', 'i8', 'bool'] as const) {
      const few = to(list(values, 'f64'), from);
      const many = to(list(Array.from({ length: 30 }, () => values).flat(), 'f64'), from);
      for (const target of ['f32', 'f64', 'i32', 'i64', 'u8', 'i8', 'bool'] as const) {
        const want = [...to(few, target).dataSync()];
        const got = [...to(many, target).dataSync()];
        expect(got, `${from} to ${target}`).toEqual(Array.from({ length: 30 }, () => want).flat());
      }
    }
  });

  it('carry gradients between floating types', () => {
    const x = list([1, 2], 'f32');
    x.requiresGrad = true;
    const [g] = gradients([sum(square(to(x, 'f64')))], [x]);
    expect(g!.dtype).toBe('f32');
    same(g!, [2, 4]);
  });
});
