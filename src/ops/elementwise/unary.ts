import { formatSpec, type Spec } from '../../core/shape.js';
import { ArgumentError, DTypeError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, defineOp, type Op } from '../op.js';
import { describe } from './binary.js';

export interface UnarySpec<Saved extends 'x' | 'out'> {
  readonly name: string;
  /** The kernel's name, when it is not the op's. */
  readonly kernel?: string;
  /** 'numbers' takes integers too. */
  readonly takes: 'floating' | 'numbers';
  readonly saves: readonly Saved[];
  /** Cotangent of y -> cotangent of x. */
  readonly rule: (g: Tensor, saved: Record<Saved, Tensor>) => Tensor;
  /** See Rule in tensor/node.ts. */
  readonly mask?: (g: Tensor, out: Tensor) => Tensor;
}

/** An op of one input, without parameters, that keeps shape and dtype. */
export function defineUnary<Saved extends 'x' | 'out'>(spec: UnarySpec<Saved>): Op<'x', unknown> {
  const { name, takes, saves, rule } = spec;
  const forward = kernel(spec.kernel ?? name, [1, 1]);
  const check = takes === 'floating' ? floating : numbers;
  return defineOp({
    name,
    inputs: ['x'],
    infer: ({ x }) => check(name, x),
    forward: ({ x }, out) => forward([x], [out]),
    saves,
    vjp: (g, saved) => ({ x: () => rule(g, saved) }),
    mask: spec.mask ?? null,
  });
}

/** Calls an op of one input, after checking that it got a tensor. */
export function applyUnary<Attrs>(op: Op<'x', Attrs>, x: Tensor, attrs: Attrs): Tensor {
  checkTensor(op.name, x);
  return apply(op, { x }, attrs);
}

/** Throws ArgumentError unless `x` is a tensor. */
export function checkTensor(op: string, x: unknown, name = 'x'): asserts x is Tensor {
  if (!(x instanceof Tensor)) throw new ArgumentError(op, `${name} must be a tensor, got ${describe(x)}`);
}

/** x's own spec; throws DTypeError for bool. */
export function numbers(op: string, x: Spec, name = 'x'): Spec {
  if (x.dtype === 'bool')
    throw new DTypeError(op, `${name} must hold numbers, got ${formatSpec(x)}; convert it with to('f32') or to('i32')`);
  return x;
}

/** The number itself; throws ArgumentError unless it is one and is not NaN. */
export function checkNumber(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new ArgumentError(op, `${name} must be a number, got ${typeof value === 'number' ? 'NaN' : describe(value)}`);
  }
}
