import { formatShape, normalizeAxis, sameShape, type Spec } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import { scalar } from '../../create/scalar.js';
import { expand } from '../movement/expand.js';
import type { Tensor } from '../../tensor/tensor.js';
import { sameDType } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { gather } from './gather.js';
import { noSkip, requireIndexShape, scatterAddKernel, scatterKernel } from './positions.js';
import { checkLive } from '../../runtime/handle.js';

const add = scatterAddKernel('scatterAdd');
const put = scatterKernel('scatter');

interface Attrs {
  readonly axis: number;
}

function scatterSpec(op: string, x: Spec, index: Spec, source: Spec, axis: number): Spec {
  requireIndexShape(op, x, index, axis);
  const dtype = sameDType(op, x, source, ['x', 'source']);
  if (!sameShape(index.shape, source.shape))
    throw new ShapeError(op, `source ${formatShape(source.shape)} does not have the shape of index ${formatShape(index.shape)}`);
  return { shape: x.shape, dtype };
}

export const scatterAddOp = defineOp({
  name: 'scatterAdd',
  inputs: ['x', 'index', 'source'],
  infer: ({ x, index, source }, { axis }: Attrs) => scatterSpec('scatterAdd', x, index, source, axis),
  forward: ({ x, index, source }, out, { axis }) => add(x, index, source, out, axis, noSkip),
  saves: ['index'],
  vjp: (g, { index }, { axis }) => ({ x: () => g, index: null, source: () => gather(g, axis, index) }),
});

/**
 * x, and source added to it: y[.., index[.., k, ..], ..] += source[.., k, ..] along `axis`, in the order of k, so that the sums have the same bits for any
 * number of threads. x [.., n, ..], index and source [.., k, ..], elsewhere no larger than x -> x's shape. An index outside 0..n-1 rejects the read of the
 * result. Throws ShapeError or DTypeError.
 */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  checkLive('scatterAdd', 'x', x);
  return apply(scatterAddOp, { x, index, source }, { axis: normalizeAxis('scatterAdd', axis, x.shape) });
}

export const scatterOp = defineOp({
  name: 'scatter',
  inputs: ['x', 'index', 'source'],
  infer: ({ x, index, source }, { axis }: Attrs) => scatterSpec('scatter', x, index, source, axis),
  forward: ({ x, index, source }, out, { axis }) => put(x, index, source, out, axis),
  saves: ['index'],
  // Where several sources met, the last one is seen; each still gets the gradient of the place, as in PyTorch.
  vjp: (g, { index }, { axis }) => ({ x: () => scatter(g, axis, index, 0), index: null, source: () => gather(g, axis, index) }),
});

/**
 * x, and source written into it: y[.., index[.., k, ..], ..] = source[.., k, ..] along `axis`; of equal indices the last wins. source may be a number.
 * x [.., n, ..], index and source [.., k, ..], elsewhere no larger than x -> x's shape. An index outside 0..n-1 rejects the read of the result. Throws
 * ShapeError or DTypeError.
 */
export function scatter(x: Tensor, axis: number, index: Tensor, source: Tensor | number): Tensor {
  checkLive('scatter', 'x', x);
  const values = typeof source === 'number' ? expand(scalar(source, x.dtype), index.shape) : source;
  const y = apply(scatterOp, { x, index, source: values }, { axis: normalizeAxis('scatter', axis, x.shape) });
  if (values !== source) values.dispose();
  return y;
}
