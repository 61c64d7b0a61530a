import { checkDeviation, checkRange, drawNormal, drawUniform } from '../../create/random.js';
import { formatShape } from '../../core/shape.js';
import { GradError, ShapeError } from '../../errors.js';
import { checkLive } from '../../runtime/handle.js';
import type { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';

/**
 * Overwrites x with numbers uniform in [low, high) and returns it. Not recorded: meant for initial values. x [...] float.
 * Throws GradError on a tensor that was computed with gradients, ShapeError on a strided view.
 */
export function uniform_(x: Tensor, low = 0, high = 1): Tensor {
  checkRange('uniform_', low, high);
  checkTarget('uniform_', x);
  drawUniform(x, low, high);
  return x;
}

/**
 * Overwrites x with numbers from the normal distribution N(mean, std^2) and returns it. Not recorded: meant for initial values. x [...] float. Throws ArgumentError
 * when std is negative or either is not finite, GradError on a tensor that was computed with gradients, ShapeError on a strided view.
 */
export function normal_(x: Tensor, mean = 0, std = 1): Tensor {
  checkDeviation('normal_', mean, std);
  checkTarget('normal_', x);
  drawNormal(x, mean, std);
  return x;
}

function checkTarget(op: string, x: Tensor): void {
  checkLive(op, 'x', x);
  floating(op, x);
  if (!x.isLeaf) throw new GradError(op, `x ${formatShape(x.shape)} was computed by ${x.node?.rule.name ?? 'an op'}; detach() it first`);
  if (!x.isContiguous) throw new ShapeError(op, `x ${formatShape(x.shape)} is a strided view; write to its base instead`);
  x.storage.version++;
}
