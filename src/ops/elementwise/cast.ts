import { checkDType, isFloating, type DType } from '../../core/dtype.js';
import { kernel, type KernelCall } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { apply, defineOp } from '../op.js';

const casts: Readonly<Record<DType, KernelCall>> = {
  f32: kernel('cast_f32', [1, 1]),
  f64: kernel('cast_f64', [1, 1]),
  i32: kernel('cast_i32', [1, 1]),
  i64: kernel('cast_i64', [1, 1]),
  u8: kernel('cast_u8', [1, 1]),
  i8: kernel('cast_i8', [1, 1]),
  bool: kernel('cast_bool', [1, 1]),
};

export const castOp = defineOp({
  name: 'cast',
  inputs: ['x'],
  infer: ({ x }, { dtype }: { dtype: DType }) => ({ shape: x.shape, dtype }),
  forward: ({ x }, out, { dtype }) => casts[dtype]([x], [out]),
  saves: [],
  vjp: (g, _saved, _attrs, { x }) => ({ x: isFloating(x.dtype) ? () => to(g, x.dtype) : null }),
});

/**
 * x as another dtype; x itself when it has that dtype. Floats are cut towards zero for integers, saturating (NaN gives 0); bool is x != 0.
 * x [...] any -> [...] dtype. Throws DTypeError on an unknown dtype.
 */
export function to(x: Tensor, dtype: DType): Tensor {
  checkDType('to', dtype);
  return x.dtype === dtype ? x : apply(castOp, { x }, { dtype });
}
