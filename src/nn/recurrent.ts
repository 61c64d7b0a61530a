import { formatShape } from '../core/shape.js';
import { ArgumentError, checkOptions, ShapeError, show } from '../errors.js';
import { gru } from '../ops/recurrent/gru.js';
import { lstm } from '../ops/recurrent/lstm.js';
import { rnn } from '../ops/recurrent/rnn.js';
import type { RecurrentWeights, SequenceOptions } from '../ops/recurrent/sequence.js';
import { cat, stack } from '../ops/movement/cat.js';
import { select } from '../ops/movement/select.js';
import { squeeze, unsqueeze } from '../ops/movement/squeeze.js';
import { dropout } from '../ops/random/dropout.js';
import { scope } from '../runtime/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { uniformTensor } from './init.js';
import { Module } from './module.js';
import { checkBetween, checkSize, type LayerOptions } from './options.js';
import { Parameter } from './parameter.js';

export interface RecurrentOptions extends LayerOptions {
  /** Layers, each of which takes the one before; 1. */
  readonly numLayers?: number;
  /** Whether biases are added; true. */
  readonly bias?: boolean;
  /** Whether sequences are [batch, steps, features] instead of [steps, batch, features]; false. */
  readonly batchFirst?: boolean;
  /** Probability of dropout behind each layer but the last, in training; 0. */
  readonly dropout?: number;
  /** Whether a second set of weights goes through each sequence from its end; false. */
  readonly bidirectional?: boolean;
}

const known = ['numLayers', 'bias', 'batchFirst', 'dropout', 'bidirectional', 'dtype'];
const roles: readonly string[] = ['weightIh', 'weightHh', 'biasIh', 'biasHh'];

/** Sets the weights of one layer in one direction, uniform in +-1/sqrt(hiddenSize), as properties that end in `suffix`. */
function makeWeights(
  module: Module,
  suffix: string,
  gates: number,
  inputSize: number,
  hiddenSize: number,
  bias: boolean,
  dtype: 'f32' | 'f64',
): void {
  const shapes = [[gates * hiddenSize, inputSize], [gates * hiddenSize, hiddenSize], [gates * hiddenSize], [gates * hiddenSize]];
  roles.slice(0, bias ? 4 : 2).forEach((role, i) => {
    const started = scope(() => new Parameter(uniformTensor(shapes[i] ?? [], 1 / Math.sqrt(hiddenSize), dtype)), module.constructor.name);
    Reflect.set(module, role + suffix, started);
  });
}

/** The weights that makeWeights has set. */
function weightsOf(module: Module, suffix: string): RecurrentWeights {
  const find = (role: string): Tensor | null => {
    const value: unknown = Reflect.get(module, role + suffix);
    return value instanceof Tensor ? value : null;
  };
  const [weightIh, weightHh] = [find('weightIh'), find('weightHh')];
  if (weightIh === null || weightHh === null)
    throw new ArgumentError(module.constructor.name, `weightIh${suffix} and weightHh${suffix} must be tensors`);
  return { weightIh, weightHh, biasIh: find('biasIh'), biasHh: find('biasHh') };
}

/** Results of one layer in one direction: its sequence and its last states. */
interface Pass {
  readonly y: Tensor;
  readonly states: readonly Tensor[];
}

/** The i-th state of a pass. */
function nth(states: readonly Tensor[], i: number): Tensor {
  const state = states[i];
  if (state === undefined) throw new ArgumentError('state', `there is no state ${i}`);
  return state;
}

/**
 * Layers of one kind of cell, in one direction or both. Weights are properties with PyTorch's names in camelCase: weightIhL0, weightHhL0, biasIhL0, biasHhL0,
 * weightIhL0Reverse, ...; state keys are PyTorch's (weight_ih_l0, ..., weight_ih_l0_reverse).
 */
abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;

  constructor(name: string, gates: number, inputSize: number, hiddenSize: number, options: RecurrentOptions, more: readonly string[] = []) {
    super();
    checkOptions(name, options, [...known, ...more]);
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false, dtype = 'f32' } = options;
    checkSize(name, 'inputSize', inputSize, 0);
    checkSize(name, 'hiddenSize', hiddenSize);
    checkSize(name, 'numLayers', numLayers);
    checkBetween(name, 'dropout', dropout, 0, 1);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    for (let layer = 0; layer < numLayers; layer++) {
      const features = layer === 0 ? inputSize : hiddenSize * this.directions.length;
      for (const direction of this.directions) makeWeights(this, `L${layer}${direction}`, gates, features, hiddenSize, bias, dtype);
    }
  }

  private get directions(): readonly string[] {
    return this.bidirectional ? ['', 'Reverse'] : [''];
  }

  protected abstract pass(x: Tensor, weights: RecurrentWeights, first: readonly Tensor[], options: SequenceOptions): Pass;

  /** All layers. `first`: initial states [numLayers * directions, B, H] (or without B as x). Returns y and the last states in the same form. */
  protected run(x: Tensor, first: readonly Tensor[]): Pass {
    const batched = this.batchedInput(x);
    const axis = this.batchFirst ? 0 : 1;
    const begin = first.map((state) => this.checkState(state, batched, x !== batched));
    const last: Tensor[][] = [];
    let y = batched;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const passes = this.directions.map((direction, d) => {
        const own = begin.map((state) => select(state, 0, layer * this.directions.length + d));
        return this.pass(y, weightsOf(this, `L${layer}${direction}`), own, { batchFirst: this.batchFirst, reverse: d === 1 });
      });
      const sequences = passes.map((one) => one.y);
      y = sequences.length === 1 ? (sequences[0] ?? y) : cat(sequences, 2);
      last.push(...passes.map((one) => [...one.states]));
      if (this.dropout > 0 && this.training && layer + 1 < this.numLayers) y = dropout(y, this.dropout);
    }
    const states = (last[0] ?? []).map((only, s) => (last.length === 1 ? unsqueeze(only, 0) : stack(last.map((one) => nth(one, s)))));
    return x === batched ? { y, states } : { y: squeeze(y, axis), states: states.map((state) => squeeze(state, 1)) };
  }

  /** x with a batch axis. Throws ShapeError when it is no sequence of inputSize features. */
  private batchedInput(x: Tensor): Tensor {
    const rank = x.shape.length;
    if ((rank !== 2 && rank !== 3) || x.shape.at(-1) !== this.inputSize) {
      const axes = this.batchFirst ? 'batch, steps' : 'steps, batch';
      throw new ShapeError(
        `${this.constructor.name}(${this.extraRepr()})`,
        `x ${formatShape(x.shape)} must be [${axes}, ${this.inputSize}] or [steps, ${this.inputSize}]`,
      );
    }
    return rank === 3 ? x : unsqueeze(x, this.batchFirst ? 0 : 1);
  }

  /** An initial state with a batch axis. Throws ShapeError when it is not [numLayers * directions, B, H]. */
  private checkState(state: Tensor, x: Tensor, unbatched: boolean): Tensor {
    const count = this.numLayers * this.directions.length;
    const rows = unbatched ? [] : [x.shape[this.batchFirst ? 0 : 1] ?? 0];
    const want = [count, ...rows, this.hiddenSize];
    if (state.shape.join() !== want.join())
      throw new ShapeError(
        `${this.constructor.name}(${this.extraRepr()})`,
        `state ${formatShape(state.shape)} must be ${formatShape(want)}`,
      );
    return unbatched ? unsqueeze(state, 1) : state;
  }

  override extraRepr(): string {
    const parts = [`${this.inputSize}, ${this.hiddenSize}`];
    if (this.numLayers !== 1) parts.push(`numLayers: ${this.numLayers}`);
    if (!this.bias) parts.push('bias: false');
    if (this.batchFirst) parts.push('batchFirst: true');
    if (this.dropout !== 0) parts.push(`dropout: ${this.dropout}`);
    if (this.bidirectional) parts.push('bidirectional: true');
    return parts.join(', ');
  }
}

/**
 * Long short-term memory; see lstm(). x [T, B, inputSize] (batchFirst: [B, T, inputSize]; without B: one sequence), state [h, c] each
 * [numLayers D, B, hiddenSize], zeros unless given -> [y, [h, c]], y [T, B, D hiddenSize]; D is 2 when bidirectional, else 1.
 * Throws ShapeError when the shapes do not agree.
 */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super('LSTM', 4, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, state?: readonly [h: Tensor, c: Tensor] | null): [y: Tensor, state: [h: Tensor, c: Tensor]] {
    const { y, states } = this.run(x, state ?? []);
    return [y, [nth(states, 0), nth(states, 1)]];
  }

  protected override pass(x: Tensor, weights: RecurrentWeights, [h, c]: readonly Tensor[], options: SequenceOptions): Pass {
    const result = lstm(x, weights, { h: h ?? null, c: c ?? null }, options);
    return { y: result.y, states: [result.h, result.c] };
  }
}

/**
 * Gated recurrent units; see gru(). x [T, B, inputSize] (batchFirst: [B, T, inputSize]; without B: one sequence), h [numLayers D, B, hiddenSize], zeros
 * unless given -> [y, h], y [T, B, D hiddenSize]; D is 2 when bidirectional, else 1. Throws ShapeError when the shapes do not agree.
 */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super('GRU', 3, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, h?: Tensor | null): [y: Tensor, h: Tensor] {
    const { y, states } = this.run(x, h === undefined || h === null ? [] : [h]);
    return [y, nth(states, 0)];
  }

  protected override pass(x: Tensor, weights: RecurrentWeights, [h]: readonly Tensor[], options: SequenceOptions): Pass {
    const result = gru(x, weights, h, options);
    return { y: result.y, states: [result.h] };
  }
}

export interface RnnLayerOptions extends RecurrentOptions {
  /** What is applied to the sum; 'tanh'. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/** The plain recurrence; see rnn(). Shapes as GRU. */
export class RNN extends Recurrent {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RnnLayerOptions = {}) {
    super('RNN', 1, inputSize, hiddenSize, options, ['nonlinearity']);
    const { nonlinearity = 'tanh' } = options;
    if (!['tanh', 'relu'].includes(nonlinearity))
      throw new ArgumentError('RNN', `nonlinearity must be tanh or relu, got ${show(nonlinearity)}`);
    this.nonlinearity = nonlinearity;
  }

  forward(x: Tensor, h?: Tensor | null): [y: Tensor, h: Tensor] {
    const { y, states } = this.run(x, h === undefined || h === null ? [] : [h]);
    return [y, nth(states, 0)];
  }

  protected override pass(x: Tensor, weights: RecurrentWeights, [h]: readonly Tensor[], options: SequenceOptions): Pass {
    const result = rnn(x, weights, h, { ...options, nonlinearity: this.nonlinearity });
    return { y: result.y, states: [result.h] };
  }
}

export interface CellOptions extends LayerOptions {
  /** Whether biases are added; true. */
  readonly bias?: boolean;
}

/** One step of a recurrent layer. State keys are PyTorch's: weight_ih, weight_hh, bias_ih, bias_hh. */
abstract class Cell extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly bias: boolean;

  constructor(name: string, gates: number, inputSize: number, hiddenSize: number, options: CellOptions) {
    super();
    checkOptions(name, options, ['bias', 'dtype']);
    const { bias = true, dtype = 'f32' } = options;
    checkSize(name, 'inputSize', inputSize, 0);
    checkSize(name, 'hiddenSize', hiddenSize);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.bias = bias;
    makeWeights(this, '', gates, inputSize, hiddenSize, bias, dtype);
  }

  /** x and states as a sequence of one step: [1, B, I] and [B, H]. Throws ShapeError unless x is [B, I] or [I]. */
  protected batched(x: Tensor, states: readonly (Tensor | null | undefined)[]): { x: Tensor; states: (Tensor | null)[] } {
    if ((x.shape.length !== 1 && x.shape.length !== 2) || x.shape.at(-1) !== this.inputSize)
      throw new ShapeError(
        `${this.constructor.name}(${this.extraRepr()})`,
        `x ${formatShape(x.shape)} must be [batch, ${this.inputSize}] or [${this.inputSize}]`,
      );
    const single = x.shape.length === 1;
    const rows = (t: Tensor | null | undefined): Tensor | null => (t === null || t === undefined ? null : single ? unsqueeze(t, 0) : t);
    return { x: unsqueeze(single ? unsqueeze(x, 0) : x, 0), states: states.map(rows) };
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias ? '' : ', bias: false'}`;
  }
}

/** One step of an LSTM; see lstm(). x [B, inputSize], state [h, c] each [B, hiddenSize] (all without B too), zeros unless given -> [h, c]. */
export class LSTMCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super('LSTMCell', 4, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, state?: readonly [h: Tensor, c: Tensor] | null): [h: Tensor, c: Tensor] {
    const step = this.batched(x, state ?? []);
    const { h, c } = lstm(step.x, weightsOf(this, ''), { h: step.states[0] ?? null, c: step.states[1] ?? null });
    return x.shape.length === 1 ? [squeeze(h, 0), squeeze(c, 0)] : [h, c];
  }
}

/** One step of gated recurrent units; see gru(). x [B, inputSize], h [B, hiddenSize] (both without B too), zeros unless given -> h. */
export class GRUCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super('GRUCell', 3, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, h?: Tensor | null): Tensor {
    const step = this.batched(x, [h]);
    const result = gru(step.x, weightsOf(this, ''), step.states[0]);
    return x.shape.length === 1 ? squeeze(result.h, 0) : result.h;
  }
}
