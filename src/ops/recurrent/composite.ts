/** The gradients of the recurrent ops, made of ops: slow, but they can be differentiated again. */
import type { Tensor } from '../../tensor/tensor.js';
import { add } from '../elementwise/add.js';
import { gt } from '../elementwise/comparison.js';
import { mul } from '../elementwise/mul.js';
import { relu } from '../elementwise/relu.js';
import { sigmoid } from '../elementwise/sigmoid.js';
import { square } from '../elementwise/sqrt.js';
import { sub } from '../elementwise/sub.js';
import { tanh } from '../elementwise/tanh.js';
import { where } from '../elementwise/where.js';
import { linear } from '../linalg/linear.js';
import { matmul } from '../linalg/matmul.js';
import { cat, stack } from '../movement/cat.js';
import { chunk, select } from '../movement/select.js';
import type { SequenceAttrs } from './sequence.js';

interface Cotangents {
  readonly gy: Tensor;
  readonly gh: Tensor;
}
interface Inputs {
  readonly x: Tensor;
  readonly weightIh: Tensor;
  readonly weightHh: Tensor;
  readonly h0: Tensor;
}

/** Steps in the order of the recurrence. */
function order(x: Tensor, { timeAxis, reverse }: SequenceAttrs): number[] {
  const steps = Array.from({ length: x.shape[timeAxis] ?? 0 }, (_, t) => t);
  return reverse ? steps.reverse() : steps;
}

/** Four chunks along the last axis, or as many as there are. */
function parts(t: Tensor, count: number): readonly Tensor[] {
  return chunk(t, count, 1);
}

/** 1 - t */
function rest(t: Tensor): Tensor {
  return add(mul(t, -1), 1);
}
/** s (1 - s): the slope of the sigmoid at its value s. */
function sigmoidSlope(s: Tensor): Tensor {
  return mul(s, rest(s));
}
/** 1 - t^2: the slope of tanh at its value t. */
function tanhSlope(t: Tensor): Tensor {
  return rest(square(t));
}

/** One tensor a step, in the order of time. */
class Track {
  private readonly steps: Tensor[] = [];
  set(t: number, value: Tensor): void {
    this.steps[t] = value;
  }
  stacked({ timeAxis }: SequenceAttrs): Tensor {
    return stack(this.steps, timeAxis);
  }
}

/** dgates, dh and dc of lstm. */
export function lstmByOps(
  { gy, gh, gc }: Cotangents & { readonly gc: Tensor },
  { x, weightIh, weightHh, bias, h0, c0 }: Inputs & { readonly bias: Tensor; readonly c0: Tensor },
  attrs: SequenceAttrs,
): { dgates: Tensor; dh: Tensor; dc: Tensor; before: Tensor } {
  const sums = linear(x, weightIh, bias);
  const [dgates, before] = [new Track(), new Track()];
  let [h, c] = [h0, c0];
  const taken = order(x, attrs).map((t) => {
    const [i, f, g, o] = parts(add(select(sums, attrs.timeAxis, t), linear(h, weightHh)), 4) as [Tensor, Tensor, Tensor, Tensor];
    const step = { t, c, in: sigmoid(i), forget: sigmoid(f), update: tanh(g), out: sigmoid(o) };
    before.set(t, h);
    c = add(mul(step.forget, c), mul(step.in, step.update));
    const squashed = tanh(c);
    h = mul(step.out, squashed);
    return { ...step, squashed };
  });
  let [dh, dc] = [gh, gc];
  for (const step of taken.reverse()) {
    const g = add(dh, select(gy, attrs.timeAxis, step.t));
    const dcell = add(dc, mul(mul(g, step.out), tanhSlope(step.squashed)));
    const dgate = cat(
      [
        mul(mul(dcell, step.update), sigmoidSlope(step.in)),
        mul(mul(dcell, step.c), sigmoidSlope(step.forget)),
        mul(mul(dcell, step.in), tanhSlope(step.update)),
        mul(mul(g, step.squashed), sigmoidSlope(step.out)),
      ],
      1,
    );
    dgates.set(step.t, dgate);
    dc = mul(dcell, step.forget);
    dh = matmul(dgate, weightHh);
  }
  return { dgates: dgates.stacked(attrs), dh, dc, before: before.stacked(attrs) };
}

/** dgates, dproducts and dh of gru. */
export function gruByOps(
  { gy, gh }: Cotangents,
  { x, weightIh, weightHh, biasIh, biasHh, h0 }: Inputs & { readonly biasIh: Tensor; readonly biasHh: Tensor },
  attrs: SequenceAttrs,
): { dgates: Tensor; dproducts: Tensor; dh: Tensor; before: Tensor } {
  const sums = linear(x, weightIh, biasIh);
  const [dgates, dproducts, before] = [new Track(), new Track(), new Track()];
  let h = h0;
  const taken = order(x, attrs).map((t) => {
    const [xr, xz, xn] = parts(select(sums, attrs.timeAxis, t), 3) as [Tensor, Tensor, Tensor];
    const [hr, hz, product] = parts(linear(h, weightHh, biasHh), 3) as [Tensor, Tensor, Tensor];
    const [reset, keep] = [sigmoid(add(xr, hr)), sigmoid(add(xz, hz))];
    const step = { t, h, product, reset, keep, fresh: tanh(add(xn, mul(reset, product))) };
    before.set(t, h);
    h = add(mul(rest(keep), step.fresh), mul(keep, h));
    return step;
  });
  let dh = gh;
  for (const step of taken.reverse()) {
    const g = add(dh, select(gy, attrs.timeAxis, step.t));
    const dfresh = mul(mul(g, rest(step.keep)), tanhSlope(step.fresh));
    const dkeep = mul(mul(g, sub(step.h, step.fresh)), sigmoidSlope(step.keep));
    const dreset = mul(mul(dfresh, step.product), sigmoidSlope(step.reset));
    const dproduct = cat([dreset, dkeep, mul(dfresh, step.reset)], 1);
    dgates.set(step.t, cat([dreset, dkeep, dfresh], 1));
    dproducts.set(step.t, dproduct);
    dh = add(mul(g, step.keep), matmul(dproduct, weightHh));
  }
  return { dgates: dgates.stacked(attrs), dproducts: dproducts.stacked(attrs), dh, before: before.stacked(attrs) };
}

/** dgates and dh of rnn. */
export function rnnByOps(
  { gy, gh }: Cotangents,
  { x, weightIh, weightHh, bias, h0 }: Inputs & { readonly bias: Tensor },
  attrs: SequenceAttrs & { readonly relu: boolean },
): { dgates: Tensor; dh: Tensor; before: Tensor } {
  const sums = linear(x, weightIh, bias);
  const [dgates, before] = [new Track(), new Track()];
  let h = h0;
  const taken = order(x, attrs).map((t) => {
    before.set(t, h);
    const sum = add(select(sums, attrs.timeAxis, t), linear(h, weightHh));
    h = attrs.relu ? relu(sum) : tanh(sum);
    return { t, h };
  });
  let dh = gh;
  for (const step of taken.reverse()) {
    const g = add(dh, select(gy, attrs.timeAxis, step.t));
    const dgate = attrs.relu ? where(gt(step.h, 0), g, 0) : mul(g, tanhSlope(step.h));
    dgates.set(step.t, dgate);
    dh = matmul(dgate, weightHh);
  }
  return { dgates: dgates.stacked(attrs), dh, before: before.stacked(attrs) };
}
