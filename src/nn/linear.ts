import { formatShape } from '../core/shape.js';
import { checkOptions, ShapeError } from '../errors.js';
import { linear } from '../ops/linalg/linear.js';
import { scope } from '../runtime/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { uniformTensor } from './init.js';
import { Module } from './module.js';
import { checkSize, type LayerOptions } from './options.js';
import { Parameter } from './parameter.js';

export interface LinearOptions extends LayerOptions {
  /** Whether a bias is added; true. */
  readonly bias?: boolean;
}

/**
 * y = x W^T + b. x [..., inFeatures] -> [..., outFeatures]. weight [outFeatures, inFeatures] and bias [outFeatures] start uniform in +-1/sqrt(inFeatures).
 * Throws ShapeError when the last axis of x is not inFeatures.
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    checkOptions('Linear', options, ['bias', 'dtype']);
    checkSize('Linear', 'inFeatures', inFeatures, 0);
    checkSize('Linear', 'outFeatures', outFeatures, 0);
    const { bias = true, dtype = 'f32' } = options;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    // kaimingUniform_ with a = sqrt(5), PyTorch's default: sqrt(6 / ((1 + 5) fanIn)).
    const bound = inFeatures === 0 ? 0 : 1 / Math.sqrt(inFeatures);
    const started = (shape: number[]): Parameter => scope(() => new Parameter(uniformTensor(shape, bound, dtype)), 'Linear');
    this.weight = started([outFeatures, inFeatures]);
    this.bias = bias ? started([outFeatures]) : null;
  }

  forward(x: Tensor): Tensor {
    if (x.shape.at(-1) !== this.inFeatures)
      throw new ShapeError(
        `Linear(${this.extraRepr()})`,
        `x ${formatShape(x.shape)} must have ${this.inFeatures} features on its last axis`,
      );
    return linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `${this.inFeatures}, ${this.outFeatures}${this.bias === null ? ', bias: false' : ''}`;
  }
}
