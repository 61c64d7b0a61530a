import type { Spec } from '../core/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import { full, ones, zeros, type CreateOptions } from './fill.js';
import { rand, randn } from './random.js';

/** Zeros of x's shape, and its dtype unless said otherwise. */
export function zerosLike(x: Spec, options: CreateOptions = {}): Tensor {
  return zeros(x.shape, { dtype: x.dtype, ...options });
}

/** Ones of x's shape, and its dtype unless said otherwise. */
export function onesLike(x: Spec, options: CreateOptions = {}): Tensor {
  return ones(x.shape, { dtype: x.dtype, ...options });
}

/** x's shape full of `value`, in its dtype unless said otherwise. */
export function fullLike(x: Spec, value: number, options: CreateOptions = {}): Tensor {
  return full(x.shape, value, { dtype: x.dtype, ...options });
}

/** Numbers uniform in [0, 1) in x's shape, and its dtype unless said otherwise. */
export function randLike(x: Spec, options: CreateOptions = {}): Tensor {
  return rand(x.shape, { dtype: x.dtype, ...options });
}

/** Normally distributed numbers in x's shape, and its dtype unless said otherwise. */
export function randnLike(x: Spec, options: CreateOptions = {}): Tensor {
  return randn(x.shape, { dtype: x.dtype, ...options });
}
