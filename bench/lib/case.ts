/** What is measured: rows of a table that every engine reads alike. Plain data, so that it can be sent to another process. */

export type InputType = 'f32' | 'f64' | 'bf16' | 'f16' | 'i32' | 'i64' | 'i8' | 'u8';

/** How an input's numbers are chosen (lib/fill.ts): uniform in a range, or whole numbers below a limit. */
export type Fill = { readonly low: number; readonly high: number } | { readonly below: number };

export interface Input {
  readonly shape: readonly number[];
  readonly dtype: InputType;
  readonly fill: Fill;
}

export type Option = number | string | boolean | readonly number[];

/**
 * forward: the op alone, without a graph. both: the op and its gradients. backward: the gradients of a result that was computed before.
 * With gradients, the last input is the cotangent of the result.
 */
export type Mode = 'forward' | 'both' | 'backward';

export interface Case {
  readonly group: string;
  readonly case: string;
  /** What is computed: a key of the tables in peers/. */
  readonly kind: string;
  readonly inputs: readonly Input[];
  readonly options: Readonly<Record<string, Option>>;
  readonly mode: Mode;
  /** The inputs that gradients are taken of. */
  readonly wrt: readonly number[];
  /** What the mathematics needs, not what a kernel does: operations, and bytes that must be read and written at least once. */
  readonly flops: number;
  readonly reads: number;
  readonly writes: number;
  /** Length of the sum behind one number of the result: how far two correct engines may be apart follows from it (lib/check.ts). */
  readonly sums: number;
  /** Rounding of the arithmetic, where that is not f32's. */
  readonly eps?: number;
  /** values: results are compared number by number. moments: random results, by mean and variance. shape: only their number. */
  readonly check: 'values' | 'moments' | 'shape';
  /** Bytes that the computation moves through, where that is not reads + writes: decides which cache's bandwidth is the limit. */
  readonly footprint?: number;
  /** Whether what is written has been read: then the cache need not fetch it for the sake of writing. */
  readonly inPlace?: boolean;
}

export const itemBytes: Readonly<Record<InputType, number>> = { f32: 4, f64: 8, bf16: 2, f16: 2, i32: 4, i64: 8, i8: 1, u8: 1 };

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** An input of f32 numbers in [-1, 1) unless said otherwise. */
export function input(shape: readonly number[], fill: Fill = { low: -1, high: 1 }, dtype: InputType = 'f32'): Input {
  return { shape, dtype, fill };
}

export const bytesOf = (one: Input): number => sizeOf(one.shape) * itemBytes[one.dtype];

type Needed = Pick<Case, 'group' | 'case' | 'kind' | 'inputs'> & Partial<Case>;

/** A row with the usual: forward, all inputs read once, results compared by value. */
export function row(fields: Needed): Case {
  const reads = fields.inputs.reduce((sum, one) => sum + bytesOf(one), 0);
  return { options: {}, mode: 'forward', wrt: [], flops: 0, reads, writes: 0, sums: 1, check: 'values', ...fields };
}

/** Rows whose `group/case` contains the text, or matches it as a regular expression; several may be given with commas, which names may have too. */
export function matching(cases: readonly Case[], filter: string): Case[] {
  const literal = cases.filter((one) => nameOf(one).includes(filter));
  if (literal.length > 0) return literal;
  const parts = filter.split(/,(?![^[]*\])/).filter((part) => part !== ''); // not at the commas of a shape
  const patterns = parts.map(pattern);
  return cases.filter((one) => {
    const name = nameOf(one);
    return parts.some((part, i) => name.includes(part) || patterns[i]?.test(name) === true);
  });
}

function pattern(text: string): RegExp | null {
  try {
    return new RegExp(text);
  } catch {
    return null;
  }
}

export const nameOf = (one: Pick<Case, 'group' | 'case'>): string => `${one.group}/${one.case}`;
