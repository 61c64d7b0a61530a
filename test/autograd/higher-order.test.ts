import { describe, expect, it } from 'vitest';
import {
  add,
  backward,
  exp,
  grad,
  gradients,
  hessian,
  hvp,
  jacobian,
  jvp,
  matmul,
  mul,
  sigmoid,
  sum,
  tanh,
  tensor,
  type Tensor,
} from '../../src/index.js';

const at = (...values: number[]): Tensor => tensor(values, { dtype: 'f64' });
const cube = (x: Tensor): Tensor => sum(mul(x, mul(x, x)));

function expectClose(got: Tensor, want: readonly number[], digits = 12): void {
  const data = got.dataSync() as Float64Array;
  expect(data.length).toBe(want.length);
  want.forEach((w, i) => expect(data[i]).toBeCloseTo(w, digits));
}

describe('derivatives of derivatives', () => {
  it('nest as functions: the first four derivatives of x^3', () => {
    const x = at(2);
    const d1 = grad(cube);
    const d2 = grad((y) => sum(d1(y)));
    const d3 = grad((y) => sum(d2(y)));
    const d4 = grad((y) => sum(d3(y)));
    expect([d1, d2, d3, d4].map((d) => d(x).itemSync())).toEqual([12, 12, 6, 0]);
  });

  it('nest over exp, tanh and sigmoid', () => {
    const v = 0.7;
    const nth = (f: (x: Tensor) => Tensor, n: number): ((x: Tensor) => Tensor) => (n === 0 ? f : grad((x) => sum(nth(f, n - 1)(x))));
    for (const n of [1, 2, 3, 4]) expect(nth(exp, n)(at(v)).itemSync()).toBeCloseTo(Math.exp(v), 13);
    const t = Math.tanh(v);
    expect(nth(tanh, 2)(at(v)).itemSync()).toBeCloseTo(-2 * t * (1 - t * t), 13);
    expect(nth(tanh, 3)(at(v)).itemSync()).toBeCloseTo((1 - t * t) * (6 * t * t - 2), 12);
    const s = 1 / (1 + Math.exp(-v));
    expect(nth(sigmoid, 2)(at(v)).itemSync()).toBeCloseTo(s * (1 - s) * (1 - 2 * s), 13);
  });

  it('come from createGraph, which retains the graph', () => {
    const x = tensor([1, 2], { dtype: 'f64', requiresGrad: true });
    const y = cube(x);
    const [g] = gradients([y], [x], { createGraph: true });
    expect(g!.requiresGrad).toBe(true);
    backward(sum(mul(g!, g!)), { retainGraph: true });
    // d (9 x^4) / dx = 36 x^3
    expect([...x.grad!.dataSync()]).toEqual([36, 288]);
    expect(gradients([y], [x]).map((t) => [...t.dataSync()])).toEqual([[3, 12]]);
  });

  it('a gradient without createGraph is a constant', () => {
    const x = tensor([1, 2], { dtype: 'f64', requiresGrad: true });
    const [g] = gradients([cube(x)], [x]);
    expect(g!.requiresGrad).toBe(false);
  });

  it('a gradient penalty trains: d |df/dx|^2 / d w', () => {
    const w = tensor([3], { dtype: 'f64', requiresGrad: true });
    const x = tensor([2], { dtype: 'f64', requiresGrad: true });
    const [g] = gradients([sum(mul(w, mul(x, x)))], [x], { createGraph: true });
    backward(sum(mul(g!, g!)));
    // g = 2 w x; d (4 w^2 x^2) / dw = 8 w x^2
    expect(w.grad!.itemSync()).toBe(96);
  });
});

describe('jvp, hvp, jacobian, hessian', () => {
  const a = tensor(
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    { dtype: 'f64' },
  );
  const linear = (x: Tensor): Tensor => sum(mul(a, x), { axis: 1 });

  it('the jacobian of a linear map is its matrix', () => {
    const j = jacobian(linear, at(7, 8));
    expect(j.shape).toEqual([3, 2]);
    expectClose(j, [1, 2, 3, 4, 5, 6]);
  });

  it('the jacobian has the shapes of result and input', () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { dtype: 'f64' },
    );
    const j = jacobian((y) => matmul(y, y), x);
    expect(j.shape).toEqual([2, 2, 2, 2]);
    // d (x^2)[0,0] / dx = [[2 x00, x10], [x01, 0]]
    expectClose(j, [2, 3, 2, 0, 2, 5, 0, 2, 3, 0, 5, 3, 0, 3, 2, 8]);
  });

  it('jvp is the jacobian times the tangent', () => {
    const f = (x: Tensor): Tensor => mul(linear(x), tanh(sum(x)));
    const x = at(0.3, -0.2);
    const t = at(1, -2);
    const { value, tangent } = jvp(f, [x], [t]);
    expectClose(value, [...(f(x).dataSync() as Float64Array)]);
    const j = jacobian(f, x).dataSync() as Float64Array;
    expectClose(
      tangent,
      [0, 1, 2].map((i) => j[2 * i]! - 2 * j[2 * i + 1]!),
    );
  });

  it('jvp takes several inputs, and is zero where the function is constant', () => {
    const { tangent } = jvp((x, y) => mul(x, y), [at(2), at(5)], [at(1), at(10)]);
    expectClose(tangent, [25]);
    expectClose(jvp(() => at(1, 2), [at(3)], [at(1)]).tangent, [0, 0]);
    expectClose(jvp((x) => add(x, 1), [at(3)], [at(7)]).tangent, [7]);
  });

  it('the hessian is symmetric and agrees with hvp', () => {
    const f = (x: Tensor): Tensor => sum(tanh(mul(sum(mul(x, at(1, 2, 3))), x)));
    const x = at(0.1, -0.2, 0.3);
    const h = hessian(f, x);
    expect(h.shape).toEqual([3, 3]);
    const m = h.dataSync() as Float64Array;
    for (const [i, j] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      expect(m[3 * i + j]).toBeCloseTo(m[3 * j + i]!, 12);
    const v = [1, -1, 2];
    expectClose(
      hvp(f, x, at(...v)),
      [0, 1, 2].map((i) => v.reduce((total, one, j) => total + m[3 * i + j]! * one, 0)),
    );
  });

  it('the hessian of a linear function is zero', () => {
    expectClose(
      hessian((x) => sum(mul(x, 3)), at(1, 2)),
      [0, 0, 0, 0],
    );
    expectClose(
      hvp((x) => sum(x), at(1, 2), at(1, 1)),
      [0, 0],
    );
  });

  it('reject tangents of another shape', () => {
    expect(() => jvp(linear, [at(1, 2)], [at(1)])).toThrow(/jvp: tangent 0 \[1\] does not have the shape \[2\]/);
    expect(() => hvp(cube, at(1, 2), at(1))).toThrow(/hvp: v \[1\] does not have the shape \[2\]/);
    expect(() => jvp(linear, [at(1, 2)], [])).toThrow(/jvp: needs a tangent for each of the 1 inputs, got 0/);
  });
});
