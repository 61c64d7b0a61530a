import { formatShape, type Shape } from '../core/shape.js';
import { ones, zeros } from '../create/fill.js';
import { checkOptions, ShapeError } from '../errors.js';
import { batchNorm } from '../ops/norm/batch-norm.js';
import { layerNorm, rmsNorm } from '../ops/norm/layer-norm.js';
import { increment } from '../ops/update/assign.js';
import { scope } from '../runtime/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { checkBetween, checkSize, type LayerOptions } from './options.js';
import { Parameter } from './parameter.js';

export interface BatchNormLayerOptions extends LayerOptions {
  /** Added to the variance; 1e-5. */
  readonly eps?: number;
  /** How far the running statistics move towards those of the batch; 0.1. */
  readonly momentum?: number;
  /** Whether there are a weight and a bias; true. */
  readonly affine?: boolean;
  /** Whether running statistics are kept and used in evaluation; true. Without them the batch's own are used always. */
  readonly trackRunningStats?: boolean;
}

/** Parameters, running statistics and forward of batch normalization. State keys: weight, bias, running_mean, running_var, num_batches_tracked. */
abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number;
  weight: Parameter | null;
  bias: Parameter | null;
  runningMean: Tensor | null = null;
  runningVar: Tensor | null = null;
  numBatchesTracked: Tensor | null = null;

  constructor(layer: string, numFeatures: number, options: BatchNormLayerOptions) {
    super();
    checkOptions(layer, options, ['eps', 'momentum', 'affine', 'trackRunningStats', 'dtype']);
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, dtype = 'f32' } = options;
    checkSize(layer, 'numFeatures', numFeatures);
    checkBetween(layer, 'eps', eps, 0);
    checkBetween(layer, 'momentum', momentum, 0, 1);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? started(ones, [numFeatures], dtype) : null;
    this.bias = affine ? started(zeros, [numFeatures], dtype) : null;
    if (!trackRunningStats) return;
    this.runningMean = this.registerBuffer('runningMean', zeros([numFeatures], { dtype }));
    this.runningVar = this.registerBuffer('runningVar', ones([numFeatures], { dtype }));
    this.numBatchesTracked = this.registerBuffer('numBatchesTracked', zeros([], { dtype: 'i64' }));
  }

  /** Throws ShapeError unless x has the axes of the layer. */
  protected abstract checkInput(x: Tensor): void;

  forward(x: Tensor): Tensor {
    this.checkInput(x);
    const { weight, bias, runningMean, runningVar, momentum, eps } = this;
    const training = this.training || runningMean === null;
    const y = batchNorm(x, { weight, bias, runningMean, runningVar, training, momentum, eps });
    if (this.training && this.numBatchesTracked !== null) increment(this.numBatchesTracked, 1);
    return y;
  }

  protected wrongInput(x: Tensor, wanted: string): ShapeError {
    return new ShapeError(
      `${this.constructor.name}(${this.numFeatures})`,
      `x ${formatShape(x.shape)} must be ${wanted} with C = ${this.numFeatures}`,
    );
  }

  override extraRepr(): string {
    const optional = [
      ...(this.eps === 1e-5 ? [] : [`eps: ${this.eps}`]),
      ...(this.momentum === 0.1 ? [] : [`momentum: ${this.momentum}`]),
      ...(this.weight === null ? ['affine: false'] : []),
      ...(this.runningMean === null ? ['trackRunningStats: false'] : []),
    ];
    return [this.numFeatures, ...optional].join(', ');
  }
}

/** Batch normalization of features; see batchNorm(). x [N, C] or [N, C, L] -> the same shape. Throws ShapeError on another rank or C. */
export class BatchNorm1d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm1d', numFeatures, options);
  }

  protected checkInput(x: Tensor): void {
    if ((x.rank !== 2 && x.rank !== 3) || x.shape[1] !== this.numFeatures) throw this.wrongInput(x, '[N, C] or [N, C, L]');
  }
}

/** Batch normalization of images; see batchNorm(). x [N, C, H, W] -> the same shape. Throws ShapeError on another rank or C. */
export class BatchNorm2d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm2d', numFeatures, options);
  }

  protected checkInput(x: Tensor): void {
    if (x.rank !== 4 || x.shape[1] !== this.numFeatures) throw this.wrongInput(x, '[N, C, H, W]');
  }
}

export interface LayerNormLayerOptions extends LayerOptions {
  /** Added to the variance; 1e-5. */
  readonly eps?: number;
  /** Whether there is a weight; true. */
  readonly elementwiseAffine?: boolean;
  /** Whether there is a bias, too; true. */
  readonly bias?: boolean;
}

/** Normalization over the last axes; see layerNorm(). x [..., normalizedShape] -> the same shape. Throws ShapeError when x does not end so. */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(normalizedShape: number | Shape, options: LayerNormLayerOptions = {}) {
    super();
    checkOptions('LayerNorm', options, ['eps', 'elementwiseAffine', 'bias', 'dtype']);
    const { eps = 1e-5, elementwiseAffine = true, bias = true, dtype = 'f32' } = options;
    checkBetween('LayerNorm', 'eps', eps, 0);
    this.normalizedShape = shapeOf('LayerNorm', normalizedShape);
    this.eps = eps;
    this.weight = elementwiseAffine ? started(ones, this.normalizedShape, dtype) : null;
    this.bias = elementwiseAffine && bias ? started(zeros, this.normalizedShape, dtype) : null;
  }

  forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return layerNorm(x, this.normalizedShape, { weight, bias, eps });
  }

  override extraRepr(): string {
    return `${formatShape(this.normalizedShape)}${this.eps === 1e-5 ? '' : `, eps: ${this.eps}`}${this.weight === null ? ', elementwiseAffine: false' : ''}`;
  }
}

export interface RMSNormLayerOptions extends LayerOptions {
  /** Added to the mean square; 1e-6. */
  readonly eps?: number;
  /** Whether there is a weight; true. */
  readonly elementwiseAffine?: boolean;
}

/** Division by the root mean square of the last axes; see rmsNorm(). x [..., normalizedShape] -> the same shape. */
export class RMSNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  weight: Parameter | null;

  constructor(normalizedShape: number | Shape, options: RMSNormLayerOptions = {}) {
    super();
    checkOptions('RMSNorm', options, ['eps', 'elementwiseAffine', 'dtype']);
    const { eps = 1e-6, elementwiseAffine = true, dtype = 'f32' } = options;
    checkBetween('RMSNorm', 'eps', eps, 0);
    this.normalizedShape = shapeOf('RMSNorm', normalizedShape);
    this.eps = eps;
    this.weight = elementwiseAffine ? started(ones, this.normalizedShape, dtype) : null;
  }

  forward(x: Tensor): Tensor {
    const { weight, eps } = this;
    return rmsNorm(x, this.normalizedShape, { weight, eps });
  }

  override extraRepr(): string {
    return formatShape(this.normalizedShape);
  }
}

function shapeOf(layer: string, shape: number | Shape): Shape {
  const list = typeof shape === 'number' ? [shape] : [...shape];
  list.forEach((n) => checkSize(layer, 'normalizedShape', n));
  if (list.length === 0) throw new ShapeError(layer, 'normalizedShape must name at least one axis');
  return list;
}

function started(make: typeof ones, shape: Shape, dtype: 'f32' | 'f64'): Parameter {
  return scope(() => new Parameter(make(shape, { dtype })), 'norm');
}
