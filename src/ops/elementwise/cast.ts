import { checkDType, isFloating, isHalf, type DType } from '../../core/dtype.js';
import { kernel, type KernelCall } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
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
  bf16: kernel('cast_bf16', [1, 1]),
  f16: kernel('cast_f16', [1, 1]),
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
 * bf16 and f16 are rounded to the nearest, halves to even, from f32: other dtypes become f32 first, as in PyTorch. x [...] any -> [...] dtype. Throws DTypeError on an unknown dtype.
 */
export function to(x: Tensor, dtype: DType): Tensor {
  checkDType('to', dtype);
  if (x.dtype === dtype) return x;
  const half = isHalf(x.dtype) || isHalf(dtype);
  if (half && x.dtype !== 'f32' && dtype !== 'f32') return scope(() => to(to(x, 'f32'), dtype), 'to');
  return apply(castOp, { x }, { dtype });
}

/** f(x) in f32, rounded back to x's dtype: for ops whose kernels do not take bf16 and f16. */
export function throughFloat(op: string, x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  return scope(() => to(f(to(x, 'f32')), x.dtype), op);
}
