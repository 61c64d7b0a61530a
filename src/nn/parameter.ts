import { ArgumentError } from '../errors.js';
import { clone } from '../ops/movement/contiguous.js';
import { keep } from '../runtime/scope.js';
import { Tensor } from '../tensor/tensor.js';

export interface ParameterOptions {
  /** Whether gradients are accumulated into it; true. */
  readonly requiresGrad?: boolean;
}

/**
 * A tensor that a module trains. It lives as long as something reaches it, whatever scope it was made in, and shares the memory of the tensor that it was made
 * from. Throws ArgumentError when that is no tensor.
 */
export class Parameter extends Tensor {
  constructor(values: Tensor, { requiresGrad = true }: ParameterOptions = {}) {
    if (!(values instanceof Tensor)) throw new ArgumentError('Parameter', `values must be a tensor, got ${typeof values}`);
    const { storage, dtype, shape, ownStrides, offset } = values.isContiguous ? values : clone(values.detach());
    storage.refs++;
    super(storage, dtype, shape, ownStrides, offset);
    keep(this);
    this.requiresGrad = requiresGrad;
  }
}

/** Whether a property of a module is trained: a Parameter, or any leaf that requires a gradient. */
export function isParameter(value: unknown): value is Tensor {
  return value instanceof Parameter || (value instanceof Tensor && value.isLeaf && value.requiresGrad);
}
