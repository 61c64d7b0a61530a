import type { DType } from '../../core/dtype.js';
import { checkDType } from '../../core/dtype.js';
import { checkOptions, ArgumentError, show } from '../../errors.js';
import { scalar } from '../../create/scalar.js';
import { Handle } from '../../runtime/handle.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp } from '../op.js';
import { requireIndex, scatterKernel, spreadScalar } from './positions.js';

const put = scatterKernel('oneHot');

export const oneHotOp = defineOp({
  name: 'oneHot',
  inputs: ['index'],
  infer: ({ index }, { classes, dtype }: { classes: number; dtype: DType }) => {
    requireIndex('oneHot', index);
    return { shape: [...index.shape, classes], dtype };
  },
  forward: ({ index }, out, { dtype }) => {
    const column = [...index.shape, 1];
    const positions = new Handle(index.storage, index.dtype, column, [...index.strides, 1], index.offset);
    put(spreadScalar(scalar(0, dtype), out.shape), positions, spreadScalar(scalar(1, dtype), column), out, index.shape.length);
  },
  saves: [],
  vjp: null,
});

/**
 * y[..., c] = index[...] == c ? 1 : 0. index [...] i32 or i64 -> [..., classes], i64 unless said otherwise. An index outside 0..classes-1 rejects the read of
 * the result. Throws ArgumentError unless classes is a whole number >= 1.
 */
export function oneHot(index: Tensor, classes: number, options: { readonly dtype?: DType } = {}): Tensor {
  checkOptions('oneHot', options, ['dtype']);
  const { dtype = 'i64' } = options;
  if (!Number.isSafeInteger(classes) || classes < 1)
    throw new ArgumentError('oneHot', `classes must be a whole number >= 1, got ${show(classes)}`);
  checkDType('oneHot', dtype);
  return apply(oneHotOp, { index }, { classes, dtype });
}
