import { ArgumentError } from '../errors.js';
import { zeros } from '../create/fill.js';
import { clone } from '../ops/movement/contiguous.js';
import { clampInPlace, normOf, scaleToNorm } from '../ops/update/clip.js';
import { keep, scope } from '../runtime/scope.js';
import type { DType } from '../core/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkRange } from './check.js';

export interface ClipGradNormOptions {
  /** Which norm: 1, 2 (default) or Infinity. */
  readonly normType?: number;
}

/**
 * Scales all gradients together so that their norm is at most `maxNorm`: g *= min(1, maxNorm / (norm + 1e-6)), in place. Returns the norm before, a scalar
 * tensor that nobody had to wait for. Pascanu et al. 2013, arXiv:1211.5063. Throws ArgumentError on a bad limit or norm.
 */
export function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number, { normType = 2 }: ClipGradNormOptions = {}): Tensor {
  checkRange('clipGradNorm', 'maxNorm', maxNorm, 0);
  if (normType !== 1 && normType !== 2 && normType !== Infinity)
    throw new ArgumentError('clipGradNorm', `normType must be 1, 2 or Infinity, got ${normType}`);
  return scope(() => {
    const gradients = modifiable(parameters);
    const [first, ...rest] = gradients;
    if (first === undefined) return zeros([]);
    if (rest.some((g) => g.dtype !== first.dtype)) throw new ArgumentError('clipGradNorm', 'the gradients have different dtypes');
    const norm = normOf([first, ...rest], normType);
    scaleToNorm(gradients, norm, maxNorm);
    return norm;
  }, 'clipGradNorm');
}

/** Limits every element of every gradient to [-limit, limit], in place. Throws ArgumentError on a negative limit. */
export function clipGradValue(parameters: Iterable<Tensor>, limit: number): void {
  checkRange('clipGradValue', 'limit', limit, 0);
  scope(() => {
    const gradients = modifiable(parameters);
    const dtypes: readonly DType[] = ['f32', 'f64'];
    for (const dtype of dtypes) {
      const some = gradients.filter((g) => g.dtype === dtype);
      if (some.length > 0) clampInPlace(some, limit);
    }
  }, 'clipGradValue');
}

/** The gradients there are, each with memory of its own: a gradient may be a broadcast view, or one tensor that two parameters share. */
function modifiable(parameters: Iterable<Tensor>): Tensor[] {
  const found: Tensor[] = [];
  for (const p of new Set(parameters)) {
    const g = p.grad;
    if (g === null || g.size === 0) continue;
    if (g.isContiguous && g.storage.refs === 1) {
      found.push(g);
      continue;
    }
    const own = keep(clone(g.detach()));
    g.dispose();
    p.grad = own;
    found.push(own);
  }
  return found;
}
