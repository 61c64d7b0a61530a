import { normalizeAxis } from '../core/shape.js';
import { reshape } from '../ops/movement/reshape.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** Axes startAxis..endAxis as one, all but the first unless said otherwise. x [N, C, H, W] -> [N, C H W]. Throws ShapeError on an axis that x has not. */
export class Flatten extends Module {
  readonly startAxis: number;
  readonly endAxis: number;

  constructor(startAxis = 1, endAxis = -1) {
    super();
    this.startAxis = startAxis;
    this.endAxis = endAxis;
  }

  forward(x: Tensor): Tensor {
    const start = normalizeAxis('Flatten', this.startAxis, x.shape);
    const end = normalizeAxis('Flatten', this.endAxis, x.shape);
    const size = x.shape.slice(start, end + 1).reduce((a, b) => a * b, 1);
    return reshape(x, [...x.shape.slice(0, start), size, ...x.shape.slice(end + 1)]);
  }
}

/** Its input: a place to put something else later. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}
