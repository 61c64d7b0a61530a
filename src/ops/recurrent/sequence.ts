import { scalar } from '../../create/scalar.js';
import { formatShape, sameShape, type Shape, type Spec } from '../../core/shape.js';
import { ArgumentError, checkOptions, ShapeError } from '../../errors.js';
import { checkLive } from '../../runtime/handle.js';
import { isRecording } from '../../tensor/mode.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkTensor } from '../elementwise/unary.js';
import { expand } from '../movement/expand.js';
import { transpose } from '../movement/permute.js';
import { matmul, rows } from '../linalg/matmul.js';
import { parameter } from '../norm/affine.js';
import { floating, sameDType } from '../dtypes.js';

/** Weights of one layer in one direction, as PyTorch keeps them; gates one after the other along the first axis. */
export interface RecurrentWeights {
  /** [gates H, I] */
  readonly weightIh: Tensor;
  /** [gates H, H] */
  readonly weightHh: Tensor;
  /** [gates H]; 0 unless given. */
  readonly biasIh?: Tensor | null;
  /** [gates H]; 0 unless given. */
  readonly biasHh?: Tensor | null;
}

export interface SequenceOptions {
  /** Whether x is [B, T, I] and y [B, T, H] instead of [T, B, I] and [T, B, H]; false. */
  readonly batchFirst?: boolean;
  /** Whether the last step is taken first; false. */
  readonly reverse?: boolean;
}

/** What a sequence op's kernels take besides tensors. */
export interface SequenceAttrs {
  readonly timeAxis: 0 | 1;
  readonly reverse: boolean;
  /** Whether a gradient will be asked for: then the forward pass leaves what the backward pass needs. */
  readonly training: boolean;
}

/** The parameters of a kernel that walks a sequence. */
export function kernelParams({ timeAxis, reverse }: SequenceAttrs): [number, number] {
  return [timeAxis, Number(reverse)];
}

/** x [.., .., I] -> [.., .., n] */
export function resized({ shape: [a = 0, b = 0], dtype }: Spec, n: number): Spec {
  return { shape: [a, b, n], dtype };
}

/** The same, or [0] where nothing is to be saved. */
export function savedSpec(x: Spec, n: number, { training }: SequenceAttrs): Spec {
  return training ? resized(x, n) : { shape: [0], dtype: x.dtype };
}

/** [B, H] of a sequence x. */
export function stateSpec(x: Spec, hidden: number, { timeAxis }: SequenceAttrs): Spec {
  return { shape: [x.shape[1 - timeAxis] ?? 0, hidden], dtype: x.dtype };
}

/** A cotangent, or zeros that take no memory where nobody asked. */
export function orZeros(g: Tensor | null, spec: Spec): Tensor {
  return g ?? expand(scalar(0, spec.dtype), spec.shape);
}

/** The inputs of a sequence op, checked; biases and first state are zeros where there are none. */
export interface SequenceInputs {
  readonly x: Tensor;
  readonly weightIh: Tensor;
  readonly weightHh: Tensor;
  readonly biasIh: Tensor;
  readonly biasHh: Tensor;
  /** First states [B, H], one for each name. */
  readonly states: readonly Tensor[];
  readonly attrs: SequenceAttrs;
}

/** Throws ShapeError, DTypeError or ArgumentError unless all fit together. */
export function checkSequence(
  op: string,
  gates: number,
  x: Tensor,
  weights: RecurrentWeights,
  states: Readonly<Record<string, Tensor | null | undefined>>,
  options: SequenceOptions,
): SequenceInputs {
  checkTensor(op, x);
  checkOptions(op, weights, ['weightIh', 'weightHh', 'biasIh', 'biasHh']);
  const { weightIh, weightHh, biasIh, biasHh } = weights;
  const { batchFirst = false, reverse = false } = options;
  for (const [name, t] of Object.entries({ x, weightIh, weightHh })) {
    checkTensor(op, t, name);
    checkLive(op, name, t);
  }
  for (const [name, flag] of Object.entries({ batchFirst, reverse }))
    if (typeof flag !== 'boolean') throw new ArgumentError(op, `${name} must be true or false, got ${String(flag)}`);
  floating(op, x);
  sameDType(op, x, weightIh, ['x', 'weightIh']);
  const hidden = weightHh.shape[1] ?? 0;
  const axes = batchFirst ? '[batch, steps, features]' : '[steps, batch, features]';
  if (x.shape.length !== 3) throw new ShapeError(op, `x ${formatShape(x.shape)} must be ${axes}`);
  const [first = 0, second = 0, features = 0] = x.shape;
  const [steps, batch] = batchFirst ? [second, first] : [first, second];
  if (steps === 0) throw new ShapeError(op, `x ${formatShape(x.shape)} has no steps`);
  if (hidden === 0 || !sameShape(weightHh.shape, [gates * hidden, hidden]))
    throw new ShapeError(op, `weightHh ${formatShape(weightHh.shape)} must be ${gates === 1 ? '[H, H]' : `[${gates} H, H]`}`);
  if (!sameShape(weightIh.shape, [gates * hidden, features]))
    throw new ShapeError(
      op,
      `weightIh ${formatShape(weightIh.shape)} must be ${formatShape([gates * hidden, features])} for x ${formatShape(x.shape)} and weightHh ${formatShape(weightHh.shape)}`,
    );
  const fitted = (name: string, shape: Shape, t: Tensor | null | undefined): Tensor => {
    if (t !== null && t !== undefined) checkLive(op, name, t);
    return parameter(op, name, x, shape, t, 0);
  };
  const found = Object.entries(states).map(([name, t]) => fitted(name, [batch, hidden], t));
  const inputs = {
    x,
    weightIh,
    weightHh: fitted('weightHh', weightHh.shape, weightHh),
    biasIh: fitted('biasIh', [gates * hidden], biasIh),
    biasHh: fitted('biasHh', [gates * hidden], biasHh),
  };
  const training = isRecording() && [...Object.values(inputs), ...found].some((t) => t.requiresGrad);
  return { ...inputs, states: found, attrs: { timeAxis: batchFirst ? 1 : 0, reverse, training } };
}

/** Throws ArgumentError on options that do not exist. */
export function checkSequenceOptions(op: string, options: object, more: readonly string[] = []): void {
  checkOptions(op, options, ['batchFirst', 'reverse', ...more]);
}

/** dL/dW of y = x W^T over all steps and rows: g^T x. */
export function weightGrad(g: Tensor, x: Tensor): Tensor {
  return matmul(transpose(rows(g)), rows(x));
}
