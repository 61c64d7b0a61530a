import { isHalf, promote, type DType } from '../../core/dtype.js';
import { broadcastShapes, formatShape, sizeOf, type Shape, type Spec } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { to } from '../elementwise/cast.js';
import { checkTensor } from '../elementwise/unary.js';
import { transpose } from '../movement/permute.js';
import { reshape } from '../movement/reshape.js';
import { requireDType, sameDType } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { sumTo } from '../reduce/sum-to.js';

const forward = kernel('matmul', [2, 1]);
const forwardHalf = kernel('matmul_half', [2, 1]);

export const matmulOp = defineOp({
  name: 'matmul',
  inputs: ['a', 'b'],
  infer: ({ a, b }) => matmulSpec(a, b),
  forward: ({ a, b }, out) => forward([a, b], [out]),
  saves: ['a', 'b'],
  // c = a b: dL/da = g b^T, dL/db = a^T g. Batch axes that b does not have are rows: one product sums over them.
  vjp: (g, { a, b }) => ({
    a: () => product(g, transpose(b)),
    b: () => (b.shape.length === 2 ? product(transpose(rows(a)), rows(g)) : product(transpose(a), g)),
  }),
});

/** [..., m, n] -> [m', n] */
export function rows(x: Tensor): Tensor {
  return x.shape.length === 2 ? x : reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1) ?? 1]);
}

/** The product where a factor is of 16 bits: f32, bf16 and f16 in any mixture, summed in f32 and rounded once to `dtype`. */
export const matmulHalfOp = defineOp({
  name: 'matmulHalf',
  inputs: ['a', 'b'],
  infer: ({ a, b }, { dtype }: { readonly dtype: DType }) => {
    requireDType('matmul', a, singles, 'a');
    requireDType('matmul', b, singles, 'b');
    return { shape: productShape(a, b), dtype };
  },
  forward: ({ a, b }, out) => forwardHalf([a, b], [out]),
  saves: ['a', 'b'],
  // As for f32, in f32 until what broadcasting repeated is summed.
  vjp: (g, { a, b }, _attrs, specs) => ({
    a: () => reduced(product(g, transpose(b), 'f32'), specs.a),
    b: () => (b.shape.length === 2 ? product(transpose(rows(a)), rows(g), b.dtype) : reduced(product(transpose(a), g, 'f32'), specs.b)),
  }),
});

const singles: readonly DType[] = ['f32', 'bf16', 'f16'];

/** Summed to the shape of `spec`, then rounded to its dtype. */
function reduced(g: Tensor, spec: Spec): Tensor {
  return to(sumTo(g, spec.shape), spec.dtype);
}

/** a b for at least two axes each; `dtype` is that of the result where a factor is of 16 bits, by default the common one. */
export function product(a: Tensor, b: Tensor, dtype: DType = promote(a.dtype, b.dtype)): Tensor {
  return isHalf(a.dtype) || isHalf(b.dtype) || isHalf(dtype) ? apply(matmulHalfOp, { a, b }, { dtype }) : apply(matmulOp, { a, b }, {});
}

const plain: readonly DType[] = ['f32', 'f64', 'i32', 'i64'];

function matmulSpec(a: Spec, b: Spec): Spec {
  requireDType('matmul', a, plain, 'a');
  const dtype = a.dtype === b.dtype ? a.dtype : sameDType('matmul', a, b, ['a', 'b']);
  return { shape: productShape(a, b), dtype };
}

function disagree(a: Spec, b: Spec): never {
  const [m, k] = a.shape.slice(-2);
  const [rowsOfB, n] = b.shape.slice(-2);
  const cure = k === n ? '; did you mean b.transpose()?' : m === rowsOfB ? '; did you mean a.transpose()?' : '';
  throw new ShapeError(
    'matmul',
    `a ${formatShape(a.shape)} and b ${formatShape(b.shape)} do not agree on k (${String(k)} vs ${String(rowsOfB)})${cure}`,
  );
}

function productShape(a: Spec, b: Spec): Shape {
  const ra = a.shape.length;
  const rb = b.shape.length;
  const m = a.shape[ra - 2] ?? 0;
  const k = a.shape[ra - 1] ?? 0;
  const rowsOfB = b.shape[rb - 2] ?? 0;
  const n = b.shape[rb - 1] ?? 0;
  if (k !== rowsOfB) disagree(a, b);
  if (ra === 2 && rb === 2) return [m, n];
  return [...broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2), ['batch of a', 'batch of b']), m, n];
}

/**
 * Matrix product c = a b over the last two axes. a [..., m, k], b [..., k, n] -> [..., m, n]; the leading axes are broadcast. A vector a [k] is a row and a
 * vector b [k] a column, and their axis does not appear in the result ([k] x [k] -> []). f32, f64, i32, i64; bf16 and f16, also next to f32, are
 * multiplied and summed in f32 and rounded once. The order of a sum follows from the shapes: that of k for products of matrices, sixteen lanes in turn where a
 * factor is a single vector; so it has the same bits for any number of threads and any strides. O(m n k). Throws ShapeError when the sizes k differ or the
 * batches do not broadcast, DTypeError when the dtypes differ.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensor('matmul', a, 'a');
  checkTensor('matmul', b, 'b');
  return a.shape.length > 1 && b.shape.length > 1 ? product(a, b) : vectorProduct(a, b);
}

/** The product where a or b is a vector. */
function vectorProduct(a: Tensor, b: Tensor): Tensor {
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new ShapeError(
      'matmul',
      `a ${formatShape(a.shape)} and b ${formatShape(b.shape)} must have at least one axis; use mul for scalars`,
    );
  }
  return scope(() => {
    const left = a.shape.length === 1 ? reshape(a, [1, a.size]) : a;
    const right = b.shape.length === 1 ? reshape(b, [b.size, 1]) : b;
    const c = product(left, right);
    const lead = c.shape.slice(0, -2);
    if (a.shape.length > 1) return reshape(c, [...lead, c.shape.at(-2) ?? 1]);
    return reshape(c, b.shape.length > 1 ? [...lead, c.shape.at(-1) ?? 1] : lead);
  }, 'matmul');
}
