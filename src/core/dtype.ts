import { DTypeError, show } from '../errors.js';

/** Element types. Codes (their positions here) are those of native/core/dtype.h. */
export const dtypes = ['f32', 'f64', 'i32', 'i64', 'u8', 'bool', 'i8', 'bf16', 'f16'] as const;
export type DType = (typeof dtypes)[number];

/** Position of each dtype in `dtypes`: its code in commands. */
export const dtypeCode: Readonly<Record<DType, number>> = { f32: 0, f64: 1, i32: 2, i64: 3, u8: 4, bool: 5, i8: 6, bf16: 7, f16: 8 };

/** dtypeCode without the look-up for the commonest dtype: every operand of every command asks. */
export function codeOf(dtype: DType): number {
  return dtype === 'f32' ? 0 : dtypeCode[dtype];
}

/** Bytes per element. */
export const itemSize: Readonly<Record<DType, number>> = { f32: 4, f64: 8, i32: 4, i64: 8, u8: 1, bool: 1, i8: 1, bf16: 2, f16: 2 };

/** itemSize without the look-up for the commonest dtype: every new tensor asks. */
export function bytesOf(dtype: DType): number {
  return dtype === 'f32' ? 4 : itemSize[dtype];
}

/** The typed arrays that hold tensor data on the JavaScript side; bool is bytes 0 and 1, bf16 and f16 are their values in f32. */
export interface DataArrays {
  f32: Float32Array;
  f64: Float64Array;
  i32: Int32Array;
  i64: BigInt64Array;
  u8: Uint8Array;
  bool: Uint8Array;
  i8: Int8Array;
  bf16: Float32Array;
  f16: Float32Array;
}
export type DataArray = DataArrays[DType];

/** What a tensor's memory is copied to and from: its values, or the bit patterns of bf16 and f16. */
export type RawArray = DataArray | Uint16Array;

/** A new zeroed typed array for `count` elements. */
export function dataArray(dtype: DType, count: number): DataArray {
  switch (dtype) {
    case 'f32':
    case 'bf16':
    case 'f16':
      return new Float32Array(count);
    case 'f64':
      return new Float64Array(count);
    case 'i32':
      return new Int32Array(count);
    case 'i64':
      return new BigInt64Array(count);
    case 'i8':
      return new Int8Array(count);
    case 'u8':
    case 'bool':
      return new Uint8Array(count);
  }
}

export function isFloating(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f64' || isHalf(dtype);
}

/** Whether `dtype` is one of the floating types of 16 bits, which store what is computed in f32. */
export function isHalf(dtype: DType): boolean {
  return dtype === 'bf16' || dtype === 'f16';
}

const rank: Readonly<Record<DType, number>> = { bool: 0, u8: 1, i8: 1, i32: 2, i64: 3, bf16: 4, f16: 4, f32: 5, f64: 6 };

/**
 * The dtype of an operation on `a` and `b`: the later of the two in bool < u8, i8 < i32 < i64 < bf16, f16 < f32 < f64 (PyTorch's rule for these types). bf16
 * with f16 gives f32, u8 with i8 gives i32, the smallest that holds both (PyTorch's is i16).
 */
export function promote(a: DType, b: DType): DType {
  if (a !== b && rank[a] === rank[b]) return isHalf(a) ? 'f32' : 'i32';
  return rank[a] >= rank[b] ? a : b;
}

/** The dtype that a JavaScript number takes next to a tensor of `dtype`: the tensor's own, unless a fraction meets integers (f32). */
export function scalarDType(dtype: DType, value: number): DType {
  if (isFloating(dtype)) return dtype;
  if (!Number.isInteger(value)) return 'f32';
  return dtype === 'bool' ? 'i64' : dtype;
}

/** Throws unless `dtype` is one of ours. */
export function checkDType(op: string, dtype: unknown): asserts dtype is DType {
  if (!dtypes.some((d) => d === dtype))
    throw new DTypeError(op, `unknown dtype ${typeof dtype === 'string' ? dtype : show(dtype)}; dtypes are ${dtypes.join(', ')}`);
}
