import { elu } from '../ops/elementwise/elu.js';
import { gelu, type GeluOptions } from '../ops/elementwise/gelu.js';
import { mish } from '../ops/elementwise/mish.js';
import { leakyRelu, relu } from '../ops/elementwise/relu.js';
import { sigmoid } from '../ops/elementwise/sigmoid.js';
import { silu } from '../ops/elementwise/silu.js';
import { softplus, type SoftplusOptions } from '../ops/elementwise/softplus.js';
import { tanh } from '../ops/elementwise/tanh.js';
import { logSoftmax } from '../ops/norm/log-softmax.js';
import { softmax } from '../ops/norm/softmax.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { checkBetween } from './options.js';

/** max(x, 0), elementwise. */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** x for x > 0, else negativeSlope x (0.01). */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    checkBetween('LeakyReLU', 'negativeSlope', negativeSlope, -Infinity);
    this.negativeSlope = negativeSlope;
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }

  override extraRepr(): string {
    return `negativeSlope: ${this.negativeSlope}`;
  }
}

/** x for x > 0, else alpha (exp(x) - 1). */
export class ELU extends Module {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    checkBetween('ELU', 'alpha', alpha, -Infinity);
    this.alpha = alpha;
  }

  forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }

  override extraRepr(): string {
    return `alpha: ${this.alpha}`;
  }
}

/** x Phi(x), or its tanh form; see gelu(). */
export class GELU extends Module {
  readonly options: GeluOptions;

  constructor(options: GeluOptions = {}) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.options);
  }
}

/** x sigmoid(x). */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** x tanh(softplus(x)). */
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return mish(x);
  }
}

/** tanh, elementwise. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** 1 / (1 + exp(-x)), elementwise. */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** log(1 + exp(beta x)) / beta; see softplus(). */
export class Softplus extends Module {
  readonly options: SoftplusOptions;

  constructor(options: SoftplusOptions = {}) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return softplus(x, this.options);
  }
}

/** e^x / sum of e^x over an axis, the last unless said otherwise; see softmax(). */
export class Softmax extends Module {
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.axis);
  }

  override extraRepr(): string {
    return `axis: ${this.axis}`;
  }
}

/** log of softmax over an axis, the last unless said otherwise; see logSoftmax(). */
export class LogSoftmax extends Module {
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.axis);
  }

  override extraRepr(): string {
    return `axis: ${this.axis}`;
  }
}
