import { ArgumentError, checkOptions } from '../../errors.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkNumber } from '../elementwise/unary.js';
import { pairLoss } from './pair-loss.js';
import { checkReduction, checkTarget, type LossReduction } from './reduction.js';

export interface LossOptions {
  /** mean (the default), sum, or none: one loss for each element. */
  readonly reduction?: LossReduction;
}

/** Mean of (x - target)^2. x [...] and target [...] floating, of one shape -> [], or [...] for reduction none. Throws ShapeError, DTypeError or ArgumentError. */
export function mseLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return elementLoss('mseLoss', x, target, options, (reduction) =>
    pairLoss('mseLoss', x, target, { kind: 'squared', reduction, limit: 0 }),
  );
}

/** Mean of |x - target|. x [...] and target [...] floating, of one shape -> [], or [...] for reduction none. Throws ShapeError, DTypeError or ArgumentError. */
export function l1Loss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return elementLoss('l1Loss', x, target, options, (reduction) => pairLoss('l1Loss', x, target, { kind: 'absolute', reduction, limit: 0 }));
}

export interface HuberLossOptions extends LossOptions {
  /** Where the parabola becomes a line, > 0; default 1. */
  readonly delta?: number;
}

/**
 * Mean of d^2 / 2 where |d| = |x - target| <= delta, delta (|d| - delta / 2) elsewhere (Huber 1964). x [...] and target [...] floating, of one shape -> [],
 * or [...] for reduction none. Throws ShapeError, DTypeError or ArgumentError.
 */
export function huberLoss(x: Tensor, target: Tensor, options: HuberLossOptions = {}): Tensor {
  checkOptions('huberLoss', options, ['delta', 'reduction']);
  const { delta = 1, ...reduced } = options;
  checkNumber('huberLoss', 'delta', delta);
  if (delta <= 0) throw new ArgumentError('huberLoss', `delta must be above 0, got ${delta}`);
  return elementLoss('huberLoss', x, target, reduced, (reduction) =>
    pairLoss('huberLoss', x, target, { kind: 'huber', reduction, limit: delta }),
  );
}

export interface SmoothL1LossOptions extends LossOptions {
  /** Where the parabola becomes a line, >= 0; 0 makes it l1Loss. Default 1. */
  readonly beta?: number;
}

/**
 * Mean of d^2 / (2 beta) where |d| = |x - target| <= beta, |d| - beta / 2 elsewhere: huberLoss / beta (Girshick 2015, arXiv:1504.08083).
 * x [...] and target [...] floating, of one shape -> [], or [...] for reduction none. Throws ShapeError, DTypeError or ArgumentError.
 */
export function smoothL1Loss(x: Tensor, target: Tensor, options: SmoothL1LossOptions = {}): Tensor {
  checkOptions('smoothL1Loss', options, ['beta', 'reduction']);
  const { beta = 1, ...reduced } = options;
  checkNumber('smoothL1Loss', 'beta', beta);
  if (beta < 0) throw new ArgumentError('smoothL1Loss', `beta must not be negative, got ${beta}`);
  return elementLoss('smoothL1Loss', x, target, reduced, (reduction) =>
    pairLoss('smoothL1Loss', x, target, { kind: beta === 0 ? 'absolute' : 'smooth', reduction, limit: beta }),
  );
}

/** Checks what all losses of two tensors check, and calls `loss` with the reduction. */
export function elementLoss(
  op: string,
  x: Tensor,
  target: Tensor,
  options: LossOptions,
  loss: (reduction: LossReduction) => Tensor,
): Tensor {
  checkOptions(op, options, ['reduction']);
  const { reduction = 'mean' } = options;
  checkReduction(op, reduction);
  checkTarget(op, x, target);
  return scope(() => loss(reduction), `${op}()`);
}
