/** A row of an op that no other group has: what chainrule and PyTorch do for it, side by side. */
import { input, row, sizeOf, type Case, type Input } from '../../lib/case.js';
import type { Chainrule, Tensor } from '../../peers/kinds.js';

export type Shape = readonly number[];
export type Call = (cr: Chainrule, x: Inputs) => Tensor;
/** Inputs of a case; it has as many as the call reads. */
export type Inputs = Readonly<Record<0 | 1 | 2, Tensor>>;

export interface Work {
  readonly name: string;
  readonly call: Call;
  /** The same in Python: an expression of x, torch and F. */
  readonly torch: string;
  readonly inputs: readonly Input[];
  /** Shape of the result; the first input's where it is missing. */
  readonly result?: Shape;
  /** The inputs that gradients are taken of, for a row more. */
  readonly wrt?: readonly number[];
  readonly sums?: number;
  /** Operations of a call, where they are more than a few for each number; its gradients take twice as many. */
  readonly flops?: number;
  readonly check?: Case['check'];
}

export const low = { low: -3, high: 3 };
export const positive = { low: 0.1, high: 3 };
/** Whole numbers below n. */
export const below = (shape: Shape, n: number): Input => input(shape, { below: n }, 'i64');

/** Its row, and one with its gradient where it has `wrt`. */
export function rows({
  name,
  torch,
  inputs,
  result = inputs[0]?.shape ?? [],
  wrt = [],
  sums = 1,
  flops = 0,
  check = 'values',
}: Work): Case[] {
  const common = { group: 'ops', kind: 'op', options: { name, torch }, sums, check, writes: 4 * sizeOf(result) };
  const forward = row({ ...common, case: name, inputs, flops });
  if (wrt.length === 0) return [forward];
  return [
    forward,
    row({
      ...common,
      case: `${name} and gradient`,
      mode: 'both',
      wrt,
      flops: 3 * flops,
      inputs: [...inputs, input(result, { low: 0.5, high: 1 })],
    }),
  ];
}
