import type { Spec } from '../../core/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { linear } from '../linalg/linear.js';
import { contiguous } from '../movement/contiguous.js';
import { permute } from '../movement/permute.js';
import { reshape } from '../movement/reshape.js';
import { narrow } from '../movement/slice.js';
import type { ConvAttrs } from './geometry.js';

/** Rows of a window that are worth copying: shorter ones cost more than the product gains (8 x 8: 0.44 to 1.03 of the time, 7 x 7: 1.9). */
const shortestRow = 8;

/**
 * Whether the convolution is one product of matrices, window by window: windows that stand side by side (a vision transformer's patches),
 * or a single one that is the whole image. Shapes may still be wrong.
 */
export function isPatchwise(x: Spec, { params, inputSize, kernelSize }: ConvAttrs): boolean {
  const [strideH, strideW, padH, padW, dilationH, dilationW, groups] = params;
  const plain = padH + padW === 0 && dilationH === 1 && dilationW === 1 && groups === 1;
  if (!plain || (x.dtype !== 'f32' && x.dtype !== 'f64') || x.shape[0] === 0) return false;
  const [height, width] = kernelSize;
  const whole = inputSize[0] === height && inputSize[1] === width && height * width > 1;
  return whole || (strideH === height && strideW === width && width >= shortestRow);
}

/** The convolution of such an x [N, C, H, W]: y[n, o, i, j] = bias[o] + weight[o] . window[n, i, j], of shape y [N, O, OH, OW]. */
export function patchProduct(x: Tensor, weight: Tensor, bias: Tensor | null, y: Spec): Tensor {
  const [images = 0, channels = 0, height = 0, width = 0] = y.shape;
  const [, depth = 0, kernelH = 0, kernelW = 0] = weight.shape;
  const inside = narrow(narrow(x, 2, 0, height * kernelH), 3, 0, width * kernelW);
  const windows = permute(reshape(inside, [images, depth, height, kernelH, width, kernelW]), [0, 2, 4, 1, 3, 5]);
  const size = depth * kernelH * kernelW;
  // Row-major, although linear takes any layout: with one window or one channel it is a product with a vector, and the order of its additions depends on the layout.
  const [rows, filters] = [contiguous(reshape(windows, [images * height * width, size])), contiguous(reshape(weight, [channels, size]))];
  const results = linear(rows, filters, bias);
  return contiguous(permute(reshape(results, [images, height, width, channels]), [0, 3, 1, 2]));
}
