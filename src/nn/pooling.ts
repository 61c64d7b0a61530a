import { checkOptions } from '../errors.js';
import { adaptiveAvgPool2d, avgPool2d, type AvgPoolOptions } from '../ops/pool/avg-pool2d.js';
import { adaptiveMaxPool2d, maxPool2d } from '../ops/pool/max-pool2d.js';
import { avgPool1d, maxPool1d, type AvgPool1dOptions, type MaxPool1dOptions } from '../ops/pool/pool1d.js';
import type { Pair, PoolOptions } from '../ops/pool/window.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { shown } from './options.js';

/** The largest element of each window; see maxPool2d(). x [N, C, H, W] -> [N, C, OH, OW]. */
export class MaxPool2d extends Module {
  readonly kernelSize: Pair;
  readonly options: PoolOptions;

  constructor(kernelSize: Pair, options: PoolOptions = {}) {
    super();
    checkOptions('MaxPool2d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return described(this.kernelSize, this.options);
  }
}

/** The largest element of each window; see maxPool1d(). x [N, C, L] -> [N, C, OL]. */
export class MaxPool1d extends Module {
  readonly kernelSize: number;
  readonly options: MaxPool1dOptions;

  constructor(kernelSize: number, options: MaxPool1dOptions = {}) {
    super();
    checkOptions('MaxPool1d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return described(this.kernelSize, this.options);
  }
}

/** The mean of each window; see avgPool1d(). x [N, C, L] -> [N, C, OL]. */
export class AvgPool1d extends Module {
  readonly kernelSize: number;
  readonly options: AvgPool1dOptions;

  constructor(kernelSize: number, options: AvgPool1dOptions = {}) {
    super();
    checkOptions('AvgPool1d', options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return described(this.kernelSize, this.options);
  }
}

/** The mean of each window; see avgPool2d(). x [N, C, H, W] -> [N, C, OH, OW]. */
export class AvgPool2d extends Module {
  readonly kernelSize: Pair;
  readonly options: AvgPoolOptions;

  constructor(kernelSize: Pair, options: AvgPoolOptions = {}) {
    super();
    checkOptions('AvgPool2d', options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }

  override extraRepr(): string {
    return described(this.kernelSize, this.options);
  }
}

type OutputSize = number | readonly [number | null, number | null];

/** Means of equal parts, so that any image gives the same size; 1 is the global mean. x [N, C, H, W] -> [N, C, ...size]. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: OutputSize;

  constructor(outputSize: OutputSize) {
    super();
    this.outputSize = outputSize;
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }

  override extraRepr(): string {
    return shown(this.outputSize);
  }
}

/** The largest elements of equal parts. x [N, C, H, W] -> [N, C, ...size]. */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: OutputSize;

  constructor(outputSize: OutputSize) {
    super();
    this.outputSize = outputSize;
  }

  forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }

  override extraRepr(): string {
    return shown(this.outputSize);
  }
}

function described(kernelSize: Pair, options: object): string {
  return [shown(kernelSize), ...Object.entries(options).map(([name, value]) => `${name}: ${String(value)}`)].join(', ');
}
