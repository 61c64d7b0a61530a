import { isHalf } from '../core/dtype.js';
import { kernel, NoHalfKernel } from '../runtime/kernel.js';
import { emptyTensor, type Tensor } from '../tensor/tensor.js';

const widen = kernel('cast_f32', [1, 1]);
const narrow = { bf16: kernel('cast_bf16', [1, 1]), f16: kernel('cast_f16', [1, 1]) };

type Forward = (ins: readonly Tensor[], outs: readonly Tensor[]) => void;

/**
 * What an op does when its forward threw `error`: if a kernel does not take bf16 and f16, the forward runs again on copies in f32, and results are rounded, once
 * for the op, however many kernels it has. Any other error is thrown on.
 */
export function widened(error: unknown, ins: readonly Tensor[], outs: readonly Tensor[], forward: Forward): void {
  if (!(error instanceof NoHalfKernel)) throw error;
  const copies: Tensor[] = [];
  const wide = (x: Tensor): Tensor => {
    if (!isHalf(x.dtype)) return x;
    const copy = emptyTensor(x.shape, 'f32');
    copies.push(copy);
    return copy;
  };
  const sources = ins.map((x) => {
    const copy = wide(x);
    if (copy !== x && x.size > 0) widen([x], [copy]);
    return copy;
  });
  const results = outs.map((out) => ({ out, result: wide(out) }));
  forward(
    sources,
    results.map(({ result }) => result),
  );
  for (const { out, result } of results) {
    if ((out.dtype === 'bf16' || out.dtype === 'f16') && out.size > 0) narrow[out.dtype]([result], [out]);
  }
  for (const copy of copies) copy.dispose();
}
