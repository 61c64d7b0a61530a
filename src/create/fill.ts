import { checkDType, type DType } from '../core/dtype.js';
import { checkShape, type Shape } from '../core/shape.js';
import { kernel } from '../runtime/kernel.js';
import { noteBounds } from '../runtime/known-range.js';
import { emptyTensor, type Tensor } from '../tensor/tensor.js';

const fill = kernel('fill', [0, 1], ['value']);

export interface CreateOptions {
  /** Element type; f32 unless said otherwise. */
  readonly dtype?: DType;
  /** Whether gradients are to be accumulated into it. */
  readonly requiresGrad?: boolean;
}

/** Every element `value`. shape -> [...shape]. Throws ShapeError or DTypeError on an impossible shape or dtype. */
export function full(shape: Shape, value: number, options: CreateOptions = {}): Tensor {
  const out = filled('full', shape, value, options);
  noteBounds(out, value, value);
  return out;
}

/** Every element 0. */
export function zeros(shape: Shape, options: CreateOptions = {}): Tensor {
  return filled('zeros', shape, 0, options);
}

/** Every element 1. */
export function ones(shape: Shape, options: CreateOptions = {}): Tensor {
  return filled('ones', shape, 1, options);
}

function filled(op: string, shape: Shape, value: number, { dtype = 'f32', requiresGrad = false }: CreateOptions): Tensor {
  checkShape(op, shape);
  checkDType(op, dtype);
  const out = emptyTensor(shape.slice(), dtype);
  if (out.size > 0) fill([], [out], [value]);
  if (requiresGrad) out.requiresGrad = true;
  return out;
}
