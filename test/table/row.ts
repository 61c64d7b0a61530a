import type { DType, Tensor } from '../../src/index.js';
import type { Nd } from '../helpers/nd.js';

/**
 * One row a public op. From a row come all of its tests (test/ops/*.test.ts), its PyTorch fixture (test/fixtures), its benchmark and its line in docs/ops.md.
 */
export interface Row<A = undefined> {
  /** Public name, as exported from ops/index.ts. */
  readonly name: string;
  /** The ops (names in definedOps()) that this row exercises, when they are not just `name`. */
  readonly ops?: readonly string[];
  /** Calls the op on the inputs of a case. */
  readonly call: (x: readonly Tensor[], attrs: A) => Tensor | readonly Tensor[];
  /** The same in plain f64 loops. */
  readonly naive: (x: readonly Nd[], attrs: A) => Nd | readonly Nd[];
  /** Include a scalar [], an empty ([0, 4]) and, for several inputs, a broadcasting case wherever the op allows them. Keep each below about 500 elements. */
  readonly cases: readonly Case<A>[];
  /** Dtypes of the value inputs (those without a dtype of their own in `inputs`) to run with. Default f32 and f64. */
  readonly dtypes?: readonly DType[];
  /** How each input is drawn; the last entry serves all further inputs. Default: uniform in [-2, 2). */
  readonly inputs?: readonly Draw[];
  /** Which value inputs are differentiable, by position. Default: all. [] for an op without gradient. */
  readonly gradients?: readonly number[];
  /** True near a kink or jump of the function, where finite differences lie: such elements of an input are redrawn. */
  readonly kink?: (v: number) => boolean;
  /** Whether the gradient can be differentiated again. Default: true. */
  readonly secondOrder?: boolean;
  /** Python expression over x (list of torch tensors), a (dict of attrs), torch and F; null (with the reason) where PyTorch 1.13 has no such op. */
  readonly torch: string | { readonly none: string };
  /**
   * How often a result in bf16 or f16 was rounded on its way. 1, the default: the op computes in f32 and rounds once, so that its bits are those of f32 between casts.
   * More for a composite, whose intermediate results are rounded too. null: 16 bits are refused, by a DTypeError that names the cure.
   */
  readonly halves?: number | null;
  /** Rounding errors expected, in units of eps(dtype) times the scale of the result. Default 8; say why when more. */
  readonly tolerance?: number;
  /** Calls that must throw, and what the message must say: the op's name and the shapes. */
  readonly rejects: readonly Reject[];
  /** Shapes to benchmark. */
  readonly bench?: readonly Case<A>[];
  /** Floating-point operations of a call, for GFLOP/s. Default: size of the result. */
  readonly flops?: (shapes: readonly (readonly number[])[], attrs: A) => number;
}

export interface Case<A = undefined> {
  readonly shapes: readonly (readonly number[])[];
  /** Plain JSON data: it also goes to the fixture script. */
  readonly attrs?: A;
  /** How a matrix lies decides in which order its sums run (docs/numerics.md): between layouts, whole numbers are compared. */
  readonly orderByLayout?: true;
}

export interface Draw {
  /** Uniform in [low, high), whole numbers when the dtype is an integer. */
  readonly low: number;
  readonly high: number;
  /** Fixed dtype (indices, masks); default: the dtype the row runs with. */
  readonly dtype?: DType;
}

export interface Reject {
  readonly call: () => unknown;
  readonly message: RegExp;
}

/** Gives a row its type; rows with attrs of any type live in one list. */
export function row<A = undefined>(r: Row<A>): Row<never> {
  return r as unknown as Row<never>;
}

/** The dtypes that ops which only move values are tried with: all, or a few of each size. */
export const every: readonly DType[] = ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'];
const some: readonly DType[] = ['f32', 'f64', 'u8'];

/** The case that most movement ops begin with. */
export const a345 = { shapes: [[3, 4, 5]] };

/** A row of a movement op: values are only moved, whatever their dtype. */
export function moves<A>(r: Row<A>): Row<never> {
  return row<A>({ dtypes: some, ...r });
}
