import { formatShape, normalizeAxis, type Shape, type Spec } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import { scalar } from '../../create/scalar.js';
import type { Tensor } from '../../tensor/tensor.js';
import { sameDType } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { gatherKernel, noSkip, requireIndexList, scatterAddKernel, spreadIndex, spreadScalar } from './positions.js';
import { checkLive } from '../../runtime/handle.js';

const select = gatherKernel('indexSelect');
const backward = scatterAddKernel('indexSelect');
const add = scatterAddKernel('indexAdd');

interface Attrs {
  readonly axis: number;
}

/** `shape` with n elements along the axis. */
function withSize(shape: Shape, axis: number, n: number): Shape {
  return shape.map((size, d) => (d === axis ? n : size));
}

export const indexSelectOp = defineOp({
  name: 'indexSelect',
  inputs: ['x', 'index'],
  infer: ({ x, index }, { axis }: Attrs) => ({ shape: withSize(x.shape, axis, requireIndexList('indexSelect', index)), dtype: x.dtype }),
  forward: ({ x, index }, out, { axis }) => select(x, spreadIndex(index, out.shape, axis), out, axis),
  saves: ['index'],
  vjp: (g, { index }, { axis }, { x }) => ({ x: () => apply(indexSelectGradOp, { g, index }, { axis, shape: x.shape }), index: null }),
});

/** Zeros of x's shape, and g's slices added where they were taken from. */
export const indexSelectGradOp = defineOp({
  name: 'indexSelectGrad',
  inputs: ['g', 'index'],
  infer: ({ g }, { shape }: Attrs & { shape: Shape }) => ({ shape, dtype: g.dtype }),
  forward: ({ g, index }, out, { axis, shape }) =>
    backward(spreadScalar(scalar(0, g.dtype), shape), spreadIndex(index, g.shape, axis), g, out, axis, noSkip),
  saves: ['index'],
  vjp: (g, { index }, { axis }) => ({ g: () => selected(g, axis, index), index: null }),
});

function selected(x: Tensor, axis: number, index: Tensor): Tensor {
  return apply(indexSelectOp, { x, index }, { axis });
}

/**
 * The slices of x at the given positions of `axis`, in their order: y[.., k, ..] = x[.., index[k], ..]. x [.., n, ..], index [k] i32 or i64 -> [.., k, ..].
 * An index outside 0..n-1 rejects the read of the result. Throws ShapeError or DTypeError.
 */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  checkLive('indexSelect', 'x', x);
  return selected(x, normalizeAxis('indexSelect', axis, x.shape), index);
}

export const indexAddOp = defineOp({
  name: 'indexAdd',
  inputs: ['x', 'index', 'source'],
  infer: ({ x, index, source }, { axis }: Attrs) => indexAddSpec(x, index, source, axis),
  forward: ({ x, index, source }, out, { axis }) => add(x, spreadIndex(index, source.shape, axis), source, out, axis, noSkip),
  saves: ['index'],
  vjp: (g, { index }, { axis }) => ({ x: () => g, index: null, source: () => selected(g, axis, index) }),
});

function indexAddSpec(x: Spec, index: Spec, source: Spec, axis: number): Spec {
  const wanted = withSize(x.shape, axis, requireIndexList('indexAdd', index));
  const dtype = sameDType('indexAdd', x, source, ['x', 'source']);
  if (source.shape.length !== wanted.length || source.shape.some((n, d) => n !== wanted[d]))
    throw new ShapeError('indexAdd', `source ${formatShape(source.shape)} must be ${formatShape(wanted)} for x ${formatShape(x.shape)}`);
  return { shape: x.shape, dtype };
}

/**
 * x, and source's slices added to it: y[.., index[k], ..] += source[.., k, ..] along `axis`, in the order of k. x [.., n, ..], index [k], source [.., k, ..]
 * -> x's shape. An index outside 0..n-1 rejects the read of the result. Throws ShapeError or DTypeError.
 */
export function indexAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  checkLive('indexAdd', 'x', x);
  return apply(indexAddOp, { x, index, source }, { axis: normalizeAxis('indexAdd', axis, x.shape) });
}
