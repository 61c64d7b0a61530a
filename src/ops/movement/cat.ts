import { contiguousStrides, formatShape, normalizeAxis, type Shape, type Spec } from '../../core/shape.js';
import { formatSpec } from '../../core/shape.js';
import { ArgumentError, DTypeError, ShapeError } from '../../errors.js';
import { Handle } from '../../runtime/handle.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { defineListOp } from '../op.js';
import { narrow } from './slice.js';
import { unsqueeze } from './squeeze.js';

const forward = kernel('cat', [-1, 1], ['axis']);
/** Operands of one command; a batch of commands holds 16384 words and an operand takes 20 at most. */
const maxOperands = 700;

interface CatAttrs {
  readonly axis: number;
  readonly name: string;
}

export const catOp = defineListOp({
  name: 'cat',
  infer: (xs, { axis, name }: CatAttrs) => catSpec(name, xs, axis),
  forward: (xs, out, { axis }) => {
    if (xs.length <= maxOperands) {
      forward(xs, [out], [axis]);
      return;
    }
    const strides = contiguousStrides(out.shape);
    let offset = out.offset;
    for (let begin = 0; begin < xs.length; begin += maxOperands) {
      const part = xs.slice(begin, begin + maxOperands);
      const length = part.reduce((n, x) => n + (x.shape[axis] ?? 0), 0);
      const shape = out.shape.map((n, d) => (d === axis ? length : n));
      forward(part, [new Handle(out.storage, out.dtype, shape, strides, offset)], [axis]);
      offset += length * (strides[axis] ?? 0);
    }
  },
  vjp: (g, { axis }, specs) => {
    let start = 0;
    return specs.map(({ shape }) => {
      const from = start;
      const length = shape[axis] ?? 0;
      start += length;
      return () => narrow(g, axis, from, length);
    });
  },
});

function catSpec(op: string, xs: readonly Spec[], axis: number): Spec {
  const [first, ...others] = xs;
  if (first === undefined) throw new ArgumentError(op, 'needs at least one tensor');
  let total = first.shape[axis] ?? 0;
  others.forEach((x, i) => {
    if (x.dtype !== first.dtype)
      throw new DTypeError(op, `xs[${i + 1}] ${formatSpec(x)} has another dtype than xs[0] ${formatSpec(first)}; convert one with to()`);
    if (x.shape.length !== first.shape.length || x.shape.some((n, d) => d !== axis && n !== first.shape[d])) {
      throw new ShapeError(
        op,
        `xs[${i + 1}] ${formatShape(x.shape)} differs from xs[0] ${formatShape(first.shape)} elsewhere than along axis ${axis}`,
      );
    }
    total += x.shape[axis] ?? 0;
  });
  return { shape: first.shape.map((n, d) => (d === axis ? total : n)), dtype: first.dtype };
}

/** Tensors one after the other along `axis`. xs [.., n_i, ..] -> [.., n_0 + n_1 + .., ..]. Throws ShapeError when other axes or the numbers of axes differ. */
export function cat(xs: readonly Tensor[], axis = 0): Tensor {
  return catOp.apply(checkList('cat', xs), { axis: normalizeAxis('cat', axis, xs[0]?.shape ?? []), name: 'cat' });
}

/** Tensors of one shape along a new axis. xs k times [...] -> [.., k, ..]. Throws ShapeError when the shapes differ. */
export function stack(xs: readonly Tensor[], axis = 0): Tensor {
  const [first, ...others] = checkList('stack', xs);
  const shape: Shape = first?.shape ?? [];
  const at = normalizeAxis('stack', axis, [...shape, 1]);
  others.forEach((x, i) => {
    if (x.shape.length !== shape.length || x.shape.some((n, d) => n !== shape[d]))
      throw new ShapeError('stack', `xs[${i + 1}] ${formatShape(x.shape)} differs from xs[0] ${formatShape(shape)}`);
  });
  return scope(
    () =>
      catOp.apply(
        xs.map((x) => unsqueeze(x, at)),
        { axis: at, name: 'stack' },
      ),
    'stack',
  );
}

function checkList(op: string, xs: readonly Tensor[]): readonly Tensor[] {
  const list: unknown = xs;
  if (!Array.isArray(list) || list.length === 0) throw new ArgumentError(op, 'needs an array of at least one tensor');
  list.forEach((x: unknown, i) => {
    if (!(x instanceof Tensor)) throw new ArgumentError(op, `xs[${i}] must be a tensor, got ${typeof x}`);
  });
  return xs;
}
