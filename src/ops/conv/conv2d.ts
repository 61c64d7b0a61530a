import { whole } from '../../core/shape.js';
import { ArgumentError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { scope } from '../../runtime/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { describe } from '../elementwise/binary.js';
import { reshape } from '../movement/reshape.js';
import { apply, defineOp } from '../op.js';
import { sum } from '../reduce/sum.js';
import { checkBias, convAttrs, convParams, convSpec, type Conv2dOptions, type ConvAttrs } from './geometry.js';
import { isPatchwise, patchProduct } from './patches.js';

const forward = kernel('conv2d', [2, 1], convParams);
const forwardBias = kernel('conv2d_bias', [3, 1], convParams);
const gradInput = kernel('conv2d_grad_input', [2, 1], convParams);
const gradWeight = kernel('conv2d_grad_weight', [2, 1], convParams);

// The three products of a convolution are linear in both arguments, and the gradients of each are the other two. With <u, v> the sum of
// u v over all elements, <g, conv(x, w)> = <gradInput(g, w), x> = <gradWeight(g, x), w> holds for all g, x and w; reading it with another
// argument free gives every rule below, to any order.

export const conv2dOp = defineOp({
  name: 'conv2d',
  inputs: ['x', 'weight', 'bias'],
  infer: ({ x, weight, bias }, attrs: ConvAttrs) => {
    const out = convSpec('conv2d', x, weight, attrs);
    checkBias('conv2d', bias, weight);
    return out;
  },
  forward: ({ x, weight, bias }, out, { params }) => forwardBias([x, weight, bias], [out], params),
  saves: ['x', 'weight'],
  vjp: (g, { x, weight }, attrs) => ({
    x: () => inputGradient(g, weight, attrs),
    weight: () => weightGradient(g, x, attrs),
    bias: () => sum(g, { axis: [0, 2, 3] }),
  }),
});

export const conv2dNoBiasOp = defineOp({
  name: 'conv2dNoBias',
  inputs: ['x', 'weight'],
  infer: ({ x, weight }, attrs: ConvAttrs) => convSpec('conv2d', x, weight, attrs),
  forward: ({ x, weight }, out, { params }) => forward([x, weight], [out], params),
  saves: ['x', 'weight'],
  vjp: (g, { x, weight }, attrs) => ({
    x: () => inputGradient(g, weight, attrs),
    weight: () => weightGradient(g, x, attrs),
  }),
});

/** g [N, O, OH, OW], weight -> the gradient of x [N, C, H, W]. */
export const conv2dGradInputOp = defineOp({
  name: 'conv2dGradInput',
  inputs: ['g', 'weight'],
  infer: ({ g, weight }, { params, inputSize }: ConvAttrs) => ({
    shape: [g.shape[0] ?? 0, whole((weight.shape[1] ?? 0) * params[6]), ...inputSize],
    dtype: g.dtype,
  }),
  forward: ({ g, weight }, out, { params }) => gradInput([g, weight], [out], params),
  saves: ['g', 'weight'],
  vjp: (u, { g, weight }, attrs) => ({
    g: () => product(u, weight, attrs),
    weight: () => weightGradient(g, u, attrs),
  }),
});

/** g [N, O, OH, OW], x [N, C, H, W] -> the gradient of weight [O, C / groups, KH, KW]. */
export const conv2dGradWeightOp = defineOp({
  name: 'conv2dGradWeight',
  inputs: ['g', 'x'],
  infer: ({ g, x }, { params, kernelSize }: ConvAttrs) => ({
    shape: [g.shape[1] ?? 0, whole((x.shape[1] ?? 0) / params[6]), ...kernelSize],
    dtype: g.dtype,
  }),
  forward: ({ g, x }, out, { params }) => gradWeight([g, x], [out], params),
  saves: ['g', 'x'],
  vjp: (v, { g, x }, attrs) => ({
    g: () => product(x, v, attrs),
    x: () => inputGradient(g, v, attrs),
  }),
});

function product(x: Tensor, weight: Tensor, attrs: ConvAttrs): Tensor {
  return apply(conv2dNoBiasOp, { x, weight }, attrs);
}
function inputGradient(g: Tensor, weight: Tensor, attrs: ConvAttrs): Tensor {
  return apply(conv2dGradInputOp, { g, weight }, attrs);
}
function weightGradient(g: Tensor, x: Tensor, attrs: ConvAttrs): Tensor {
  return apply(conv2dGradWeightOp, { g, x }, attrs);
}

function checkTensors(op: string, x: Tensor, weight: Tensor): void {
  if (!(x instanceof Tensor)) throw new ArgumentError(op, `x must be a tensor, got ${describe(x)}`);
  if (!(weight instanceof Tensor)) throw new ArgumentError(op, `weight must be a tensor, got ${describe(weight)}`);
}

/**
 * 2-d cross-correlation, as neural networks call convolution:
 * y[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i stride - padding + a dilation, j stride - padding + b dilation], x being zero
 * outside. x [N, C, H, W] or [C, H, W], weight [O, C / groups, KH, KW], bias [O] -> [N, O, OH, OW] or [O, OH, OW], with
 * OH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1. f32 or f64. Differentiable to any order. Throws ShapeError when the shapes do not
 * fit, ArgumentError on impossible options.
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv2dOptions = {}): Tensor {
  checkTensors('conv2d', x, weight);
  if (x.shape.length === 3) {
    return scope(() => {
      const y = conv2d(reshape(x, [1, ...x.shape]), weight, bias, options);
      return reshape(y, y.shape.slice(1));
    }, 'conv2d');
  }
  const attrs = convAttrs('conv2d', x, weight, options);
  if (isPatchwise(x, attrs)) {
    const out = convSpec('conv2d', x, weight, attrs);
    if (bias instanceof Tensor) checkBias('conv2d', bias, weight);
    return scope(() => patchProduct(x, weight, bias ?? null, out), 'conv2d');
  }
  if (bias === undefined || bias === null) return product(x, weight, attrs);
  return apply(conv2dOp, { x, weight, bias }, attrs);
}
