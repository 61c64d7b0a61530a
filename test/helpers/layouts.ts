/** The same values in other places: strided windows on larger storages whose other elements are poison. */
import type { DType, Tensor } from '../../src/index.js';
import { viewHandle } from '../../src/tensor/tensor.js';
import { bytes } from './calls.js';
import { isFloat, toTensor, type Drawn } from './draw.js';
import { size } from './nd.js';

export interface Laid {
  readonly tensor: Tensor;
  /** Throws if anything in the storage changed. */
  readonly verify: () => void;
}

/** Where element [i0, i1, ...] lies: offset + sum of index * stride, in a storage of `length` elements. */
export interface Place {
  readonly strides: readonly number[];
  readonly offset: number;
  readonly length: number;
}

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, d) => size(shape.slice(d + 1)));
}

/** Named placements of a shape. Guards of `margin` elements lie on both sides. */
const margin = 5;
export const placements = {
  /** Row-major, but not at the start of its memory, and not aligned. */
  window: (shape) => ({ strides: rowMajor(shape), offset: margin, length: size(shape) + 2 * margin }),
  /** Column-major: all axes exchanged. */
  transposed: (shape) => ({
    strides: rowMajor([...shape].reverse()).reverse(),
    offset: margin,
    length: size(shape) + 2 * margin,
  }),
  /** Every second element of each axis of something larger. */
  sliced: (shape) => {
    const outer = shape.map((n) => 2 * n + 1);
    const full = rowMajor(outer);
    const first = full.reduce((a, b) => a + b, 0);
    return { strides: full.map((s) => 2 * s), offset: margin + first, length: size(outer) + 2 * margin };
  },
  /** Every axis backwards: negative strides. */
  flipped: (shape) => {
    const strides = rowMajor(shape);
    const last = size(shape) === 0 ? 0 : shape.reduce((sum, n, d) => sum + (n - 1) * strides[d]!, 0);
    return { strides: strides.map((s) => -s), offset: margin + last, length: size(shape) + 2 * margin };
  },
} satisfies Record<string, (shape: readonly number[]) => Place>;
export type Placement = keyof typeof placements;

function poison(dtype: DType): number {
  if (isFloat(dtype)) return NaN;
  return dtype === 'bool' ? 1 : dtype === 'u8' ? 251 : dtype === 'i8' ? 113 : 0x7ffffff1;
}

/** x's values at a placement. */
export function lay(x: Drawn, placement: Placement): Laid {
  return layAt(x, placements[placement](x.shape));
}

/** x's values at any place; where a stride is 0, they must be the same along that axis. */
export function layAt(x: Drawn, { strides, offset, length }: Place): Laid {
  const storage = new Float64Array(length).fill(poison(x.dtype));
  const index = x.shape.map(() => 0);
  for (const value of x.data) {
    storage[index.reduce((at, i, d) => at + i * strides[d]!, offset)] = value;
    for (let d = x.shape.length - 1; d >= 0; d--) {
      index[d]!++;
      if (index[d] !== x.shape[d]) break;
      index[d] = 0;
    }
  }
  return guarded(storage, x, strides, offset);
}

/** The axis that `spread` repeats along, or -1. */
function spreadAxis(x: Drawn): number {
  return x.shape.findIndex((n) => n > 1);
}

/** x with its first element along one axis repeated: contiguous, and as a window with stride 0. null when x has no such axis. */
export function spread(x: Drawn): { contiguous: Drawn; laid: Laid } | null {
  const axis = spreadAxis(x);
  if (axis < 0 || x.data.length === 0) return null;
  const strides = rowMajor(x.shape);
  const kept = x.shape.map((n, d) => (d === axis ? 1 : n));
  const inner = strides[axis]!;
  const lane = inner * x.shape[axis]!;
  const source = (i: number): number => Math.floor(i / lane) * lane + (i % inner);
  const contiguous = { ...x, data: x.data.map((_, i) => x.data[source(i)]!) };
  const small = Float64Array.from({ length: size(kept) }, (_, i) => x.data[Math.floor(i / inner) * lane + (i % inner)]!);
  const strided = rowMajor(kept).map((s, d) => (d === axis ? 0 : s));
  return { contiguous, laid: guarded(small, x, strided, 0) };
}

/** The bytes of these values as the engine stores them. */
function encode(data: Float64Array, dtype: DType): Buffer {
  const stored =
    dtype === 'f32'
      ? new Float32Array(data)
      : dtype === 'f64'
        ? data
        : dtype === 'i32'
          ? new Int32Array(data)
          : dtype === 'i64'
            ? BigInt64Array.from(data, (v) => BigInt(v))
            : new Uint8Array(data);
  return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
}

/** x as it is: contiguous. */
export function toPlain(x: Drawn): Laid {
  return guarded(x.data, x, rowMajor(x.shape), 0);
}

function guarded(storage: Float64Array, x: Drawn, strides: readonly number[], offset: number): Laid {
  const base = toTensor({ shape: [storage.length], data: storage }, x.dtype);
  const before = encode(storage, x.dtype);
  const tensor = viewHandle(base, x.shape, strides, offset);
  const verify = (): void => {
    if (!bytes(base).equals(before)) throw new Error(`the op changed the memory of an input [${x.shape.join()}]`);
  };
  return { tensor, verify };
}
