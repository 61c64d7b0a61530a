import { formatShape } from '../core/shape.js';
import { GradError } from '../errors.js';
import { ones } from '../create/fill.js';
import { add } from '../ops/elementwise/add.js';
import { checkLive } from '../runtime/handle.js';
import { keep, scope } from '../runtime/scope.js';
import { sourceOf } from '../tensor/graph.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkSeed, walk } from './walk.js';

export interface BackwardOptions {
  /** Cotangent of the tensor; 1 for a scalar. */
  readonly gradient?: Tensor;
  /** Keep what the graph saved, for another backward pass. Default: as createGraph. */
  readonly retainGraph?: boolean;
  /** Record the backward pass itself, so that gradients can be differentiated again. */
  readonly createGraph?: boolean;
}

/**
 * Computes d x / d leaf for every leaf that x was computed from and adds it to `leaf.grad`. Consumes the graph: what was saved for it is released, unless
 * retainGraph. Throws GradError when x is not part of a graph, is no scalar and has no `gradient`, or when the graph was consumed before.
 */
export function backward(x: Tensor, { gradient, createGraph = false, retainGraph = createGraph }: BackwardOptions = {}): void {
  checkLive('backward', 'x', x);
  if (sourceOf(x) === null)
    throw new GradError('backward', `x ${formatShape(x.shape)} was not computed from anything that requires a gradient`);
  checkSeed('backward', x, gradient);
  scope(() => {
    const seed = gradient ?? ones(x.shape, { dtype: x.dtype });
    walk([x], [seed], null, accumulate, { retainGraph, createGraph });
  }, 'backward()');
}

/** leaf.grad += g */
function accumulate(leaf: Tensor, g: Tensor): void {
  const before = leaf.grad;
  if (before === null || before.isDisposed) {
    leaf.grad = keep(g);
    return;
  }
  leaf.grad = keep(add(before, g));
  before.dispose();
}
