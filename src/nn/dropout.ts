import { dropout } from '../ops/random/dropout.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { checkBetween } from './options.js';

/** In training, sets each element to 0 with probability p and scales the others by 1 / (1 - p); see dropout(). x [...] -> [...]. */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    checkBetween('Dropout', 'p', p, 0, 1);
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    return dropout(x, this.p, { training: this.training });
  }

  override extraRepr(): string {
    return `p: ${this.p}`;
  }
}
