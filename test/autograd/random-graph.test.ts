import fc from 'fast-check';
import { describe, it } from 'vitest';
import {
  add,
  exp,
  gradcheck,
  gradgradcheck,
  matmul,
  mul,
  reshape,
  sigmoid,
  sub,
  sum,
  tanh,
  tensor,
  transpose,
  type Tensor,
} from '../../src/index.js';

/** One op of a random graph: which, and which earlier values it takes (counted back from the newest). All values are [3, 3], bounded by tanh and sigmoid. */
interface Step {
  readonly op: number;
  readonly a: number;
  readonly b: number;
}

const ops: readonly ((a: Tensor, b: Tensor) => Tensor)[] = [
  (a, b) => add(a, b),
  (a, b) => mul(a, b),
  (a, b) => sub(a, mul(b, 0.5)),
  (a) => tanh(a),
  (a) => sigmoid(a),
  (a) => exp(mul(tanh(a), 0.5)),
  (a, b) => tanh(matmul(a, b)),
  (a) => transpose(a),
  (a, b) => add(a, sum(b, { axis: 0 })),
  (a, b) => mul(a, tanh(sum(b, { axis: 1, keepdims: true }))),
  (a) => reshape(transpose(reshape(a, [9, 1])), [3, 3]),
  (a, b) => tanh(add(mul(a, b), a)),
];

const step = fc.record({ op: fc.nat(ops.length - 1), a: fc.nat(30), b: fc.nat(30) });
const graph = fc.array(step, { minLength: 1, maxLength: 24 });
const values = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 9, maxLength: 9 });

function build(steps: readonly Step[], inputs: readonly Tensor[]): Tensor {
  const made = [...inputs];
  const at = (back: number): Tensor => made[made.length - 1 - (back % made.length)]!;
  for (const { op, a, b } of steps) {
    // Bounded after every step, so that products of products stay of size 1 and differences keep their digits.
    const next = ops[op]!(at(a), at(b));
    made.push(op === 0 || op === 2 || op === 8 ? mul(next, 0.5) : next);
  }
  // The newest value and the two before it: some branches lead nowhere, some are used often.
  return add(at(0), mul(add(at(1), at(2)), 0.25));
}

const inputsOf = (...lists: number[][]): Tensor[] => lists.map((list) => reshapeLeaf(list));

function reshapeLeaf(list: number[]): Tensor {
  const rows = [0, 3, 6].map((i) => list.slice(i, i + 3));
  return tensor(rows, { dtype: 'f64', requiresGrad: true });
}

/** Errors of difference quotients near 1e-10; see test/ops/grad.test.ts. The gradients of the results can reach a few hundred in deep graphs. */
const tight = { eps: 2 ** -17, atol: 1e-6, rtol: 1e-5 };

describe('random graphs', () => {
  it('have the gradients that finite differences give', async () => {
    await fc.assert(
      fc.asyncProperty(graph, values, values, async (steps, a, b) => {
        await gradcheck((...xs) => build(steps, xs), inputsOf(a, b), tight);
      }),
      { numRuns: 100, seed: 20260101 },
    );
  });

  it('have the second derivatives that finite differences give', async () => {
    await fc.assert(
      fc.asyncProperty(graph, values, async (steps, a) => {
        await gradgradcheck((...xs) => build(steps, xs), inputsOf(a), { ...tight, maxElements: 4 });
      }),
      { numRuns: 40, seed: 20260102 },
    );
  });
});
