import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expand, flip, fromArray, gradients, mul, permute, reshape, scope, slice, sum, type Tensor } from '../../src/index.js';
import { toNd, toTensor } from '../helpers/draw.js';
import { at, build, size, type Nd } from '../helpers/nd.js';

/** A step that changes where elements lie: on a tensor, and in plain loops. */
interface Step {
  readonly kind: 'permute' | 'flip' | 'slice' | 'expand' | 'reshape';
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('permute', 'flip', 'slice', 'expand', 'reshape'),
  a: fc.nat(1000),
  b: fc.nat(1000),
  c: fc.nat(1000),
});
const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 });

/** A rotation of the axes. */
function rotation(rank: number, by: number): number[] {
  return Array.from({ length: rank }, (_, d) => (d + by) % rank);
}

function onTensor(x: Tensor, { kind, a, b, c }: Step): Tensor {
  const axis = a % Math.max(1, x.rank);
  if (x.rank === 0) return x;
  const n = x.shape[axis]!;
  switch (kind) {
    case 'permute':
      return permute(x, rotation(x.rank, a));
    case 'flip':
      return flip(x, axis);
    case 'slice':
      return slice(
        x,
        x.shape.map((_, d) => (d === axis ? [b % (n + 1), n, 1 + (c % 3)] : null)),
      );
    case 'expand':
      return x.rank < 5 ? expand(x, [1 + (b % 3), ...x.shape]) : x;
    case 'reshape':
      return reshape(x, b % 2 === 0 ? [x.size] : [1, x.size, 1]);
  }
}

function inLoops(x: Nd, { kind, a, b, c }: Step): Nd {
  const rank = x.shape.length;
  const axis = a % Math.max(1, rank);
  if (rank === 0) return x;
  const n = x.shape[axis]!;
  switch (kind) {
    case 'permute': {
      const order = rotation(rank, a);
      return build(
        order.map((d) => x.shape[d]!),
        (index) =>
          at(
            x,
            x.shape.map((_, d) => index[order.indexOf(d)]!),
          ),
      );
    }
    case 'flip':
      return build(x.shape, (index) =>
        at(
          x,
          index.map((i, d) => (d === axis ? n - 1 - i : i)),
        ),
      );
    case 'slice': {
      const [start, by] = [b % (n + 1), 1 + (c % 3)];
      const shape = x.shape.map((m, d) => (d === axis ? Math.ceil((n - start) / by) : m));
      return build(shape, (index) =>
        at(
          x,
          index.map((i, d) => (d === axis ? start + i * by : i)),
        ),
      );
    }
    case 'expand':
      return rank < 5 ? build([1 + (b % 3), ...x.shape], (index) => at(x, index.slice(1))) : x;
    case 'reshape':
      return { shape: b % 2 === 0 ? [x.data.length] : [1, x.data.length, 1], data: x.data };
  }
}

const manySteps = fc.array(step, { minLength: 1, maxLength: 8 });

describe('chains of views', () => {
  it('show the elements that the definition shows', () => {
    fc.assert(
      fc.property(shapes, manySteps, (shape, steps) => {
        scope(() => {
          const start: Nd = build(shape, () => 0);
          start.data.forEach((_, i) => (start.data[i] = i));
          const got = steps.reduce(onTensor, toTensor(start, 'f32'));
          const want = steps.reduce(inLoops, start);
          expect(got.shape).toEqual(want.shape);
          expect(toNd(got).data).toEqual(want.data);
        });
      }),
      { numRuns: 400, seed: 20260103 },
    );
  });

  it('send each cotangent back to where its element came from', () => {
    fc.assert(
      fc.property(shapes, manySteps, (shape, steps) => {
        scope(() => {
          const start: Nd = build(shape, () => 0);
          start.data.forEach((_, i) => (start.data[i] = i));
          const x = fromArray(start.data, shape, { dtype: 'f64', requiresGrad: true });
          const y = steps.reduce(onTensor, x);
          const weight = Float64Array.from({ length: size(y.shape) }, (_, i) => i + 1);
          const [g] = gradients([sum(mul(y, fromArray(weight, y.shape)))], [x]);
          // By definition: element i of x gets the weights of all places where it is seen.
          const want = new Float64Array(start.data.length);
          steps.reduce(inLoops, start).data.forEach((from, i) => (want[from] = want[from]! + weight[i]!));
          expect(g!.shape).toEqual(shape);
          expect(g!.dataSync()).toEqual(want);
        });
      }),
      { numRuns: 200, seed: 20260104 },
    );
  });
});
