import { formatShape, type Shape } from '../core/shape.js';
import { ArgumentError, checkOptions, ShapeError } from '../errors.js';
import { conv1d } from '../ops/conv/conv1d.js';
import { conv2d } from '../ops/conv/conv2d.js';
import { scope } from '../runtime/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { uniformTensor } from './init.js';
import { Module } from './module.js';
import { checkSize, pair, shown, type LayerOptions } from './options.js';
import { Parameter } from './parameter.js';

export interface ConvOptions<Size> extends LayerOptions {
  /** Step of the window; 1. */
  readonly stride?: Size;
  /** Zeros around the input; 0. */
  readonly padding?: Size;
  /** Distance of the window's elements; 1. */
  readonly dilation?: Size;
  /** Independent groups of channels; 1. */
  readonly groups?: number;
  /** Whether a bias is added; true. */
  readonly bias?: boolean;
}

const known = ['stride', 'padding', 'dilation', 'groups', 'bias', 'dtype'];

/** Weight and bias of a convolution, uniform in +-1/sqrt(fanIn), and what is common to all numbers of axes. */
abstract class Conv extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(layer: string, [inChannels, outChannels]: readonly [number, number], window: Shape, options: ConvOptions<unknown>) {
    super();
    checkOptions(layer, options, known);
    const { groups = 1, bias = true, dtype = 'f32' } = options;
    checkSize(layer, 'inChannels', inChannels);
    checkSize(layer, 'outChannels', outChannels);
    checkSize(layer, 'groups', groups);
    window.forEach((size) => checkSize(layer, 'kernelSize', size));
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ArgumentError(layer, `groups ${groups} must divide inChannels ${inChannels} and outChannels ${outChannels}`);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.groups = groups;
    const shape = [outChannels, inChannels / groups, ...window];
    const bound = 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1));
    const started = (size: number[]): Parameter => scope(() => new Parameter(uniformTensor(size, bound, dtype)), layer);
    this.weight = started(shape);
    this.bias = bias ? started([outChannels]) : null;
  }

  /** Throws ShapeError unless x has the layer's channels. */
  protected checkInput(x: Tensor, axes: string): void {
    const spatial = this.weight.rank - 2;
    const channels = x.shape.at(-1 - spatial);
    if ((x.rank === spatial + 2 || x.rank === spatial + 1) && channels === this.inChannels) return;
    const name = `${this.constructor.name}(${this.extraRepr()})`;
    throw new ShapeError(name, `x ${formatShape(x.shape)} must be [N, C, ${axes}] or [C, ${axes}] with C = ${this.inChannels} channels`);
  }
}

/** 2-d convolution; see conv2d(). x [N, inChannels, H, W] -> [N, outChannels, OH, OW]. weight [outChannels, inChannels / groups, KH, KW]. */
export class Conv2d extends Conv {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly [number, number],
    options: ConvOptions<number | readonly [number, number]> = {},
  ) {
    super('Conv2d', [inChannels, outChannels], pair(kernelSize), options);
    this.kernelSize = pair(kernelSize);
    this.stride = pair(options.stride ?? 1);
    this.padding = pair(options.padding ?? 0);
    this.dilation = pair(options.dilation ?? 1);
    [...this.stride, ...this.dilation].forEach((n) => checkSize('Conv2d', 'stride and dilation', n));
    this.padding.forEach((n) => checkSize('Conv2d', 'padding', n, 0));
  }

  forward(x: Tensor): Tensor {
    this.checkInput(x, 'H, W');
    const { stride, padding, dilation, groups } = this;
    return conv2d(x, this.weight, this.bias, { stride, padding, dilation, groups });
  }

  override extraRepr(): string {
    const optional = [
      ...(this.stride.some((n) => n !== 1) ? [`stride: ${shown(this.stride)}`] : []),
      ...(this.padding.some((n) => n !== 0) ? [`padding: ${shown(this.padding)}`] : []),
      ...(this.dilation.some((n) => n !== 1) ? [`dilation: ${shown(this.dilation)}`] : []),
      ...(this.groups === 1 ? [] : [`groups: ${this.groups}`]),
      ...(this.bias === null ? ['bias: false'] : []),
    ];
    return [this.inChannels, this.outChannels, shown(this.kernelSize), ...optional].join(', ');
  }
}

/** 1-d convolution; see conv1d(). x [N, inChannels, L] -> [N, outChannels, OL]. weight [outChannels, inChannels / groups, K]. */
export class Conv1d extends Conv {
  readonly kernelSize: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;

  constructor(inChannels: number, outChannels: number, kernelSize: number, options: ConvOptions<number> = {}) {
    super('Conv1d', [inChannels, outChannels], [kernelSize], options);
    const { stride = 1, padding = 0, dilation = 1 } = options;
    checkSize('Conv1d', 'stride', stride);
    checkSize('Conv1d', 'dilation', dilation);
    checkSize('Conv1d', 'padding', padding, 0);
    this.kernelSize = kernelSize;
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
  }

  forward(x: Tensor): Tensor {
    this.checkInput(x, 'L');
    const { stride, padding, dilation, groups } = this;
    return conv1d(x, this.weight, this.bias, { stride, padding, dilation, groups });
  }

  override extraRepr(): string {
    return `${this.inChannels}, ${this.outChannels}, ${this.kernelSize}, stride: ${this.stride}, padding: ${this.padding}`;
  }
}
