import { kernel } from '../../runtime/kernel.js';
import type { Tensor } from '../../tensor/tensor.js';
import { binarySpec } from './binary.js';
import { apply, defineOp, type Op } from '../op.js';
import { mul } from './mul.js';

export interface GradientSpec<Attrs> {
  /** The op's name and Grad: `tanhGrad`. */
  readonly name: string;
  readonly kernel: string;
  readonly params?: readonly (keyof Attrs & string)[];
  /** Second derivative at what the op saved (its input or its output), times the cotangents g and h of the two passes; null where it is 0. */
  readonly second: ((gh: Tensor, saved: Tensor, attrs: Attrs) => Tensor) | null;
}

/**
 * The fused gradient of an op of one input, g * f'(s), with s the op's input or output: an op itself. It is linear in g; the slope in s is `second`.
 */
export function defineGradient<Attrs extends object>(spec: GradientSpec<Attrs>): Op<'g' | 's', Attrs> {
  const { name, second } = spec;
  const params = spec.params ?? [];
  const forward = kernel(spec.kernel, [2, 1], params);
  const op: Op<'g' | 's', Attrs> = defineOp({
    name,
    inputs: ['g', 's'],
    infer: ({ g, s }, _attrs: Attrs) => binarySpec(name, g, s),
    forward: ({ g, s }, out, attrs) =>
      forward(
        [g, s],
        [out],
        params.map((key) => Number(attrs[key])),
      ),
    saves: ['g', 's'],
    vjp: (h, { g, s }, attrs) => ({
      g: () => apply(op, { g: h, s }, attrs),
      s: second === null ? null : () => second(mul(g, h), s, attrs),
    }),
  });
  return op;
}
