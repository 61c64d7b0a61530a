import { checkDType, isHalf, type DataArray, type DType } from '../core/dtype.js';
import { checkShape, formatShape, sizeOf, type Shape } from '../core/shape.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { emptyTensor, upload, writeRaw, type Tensor } from '../tensor/tensor.js';
import type { CreateOptions } from './fill.js';

/** Numbers or booleans, nested to any depth; all rows of an axis equally long. */
export type NestedArray = number | boolean | bigint | readonly NestedArray[];

/**
 * A tensor from JavaScript values: a number, nested arrays, or a typed array (one axis). The dtype is that of the typed array, bool for booleans, else f32.
 * Throws ShapeError when rows differ in length.
 */
export function tensor(values: NestedArray | DataArray, options: CreateOptions = {}): Tensor {
  if (ArrayBuffer.isView(values) && 'length' in values) return fromArray(values, [values.length], options);
  const shape = shapeOf(values);
  checkShape('tensor', shape);
  const flat: (number | bigint)[] = [];
  let booleans = true;
  const visit = (value: NestedArray, axis: number): void => {
    if (Array.isArray(value)) {
      if (value.length !== shape[axis])
        throw new ShapeError('tensor', `rows differ in length along axis ${axis}: ${String(shape[axis])} vs ${value.length}`);
      for (const item of value as readonly NestedArray[]) visit(item, axis + 1);
      return;
    }
    if (axis !== shape.length)
      throw new ShapeError('tensor', `a value stands where a row of axis ${axis} (length ${String(shape[axis])}) is expected`);
    if (typeof value !== 'number' && typeof value !== 'boolean' && typeof value !== 'bigint') {
      throw new ArgumentError('tensor', `values must be numbers, booleans or bigints, got ${value === null ? 'null' : typeof value}`);
    }
    if (typeof value !== 'boolean') booleans = false;
    flat.push(typeof value === 'boolean' ? Number(value) : value);
  };
  visit(values, 0);
  const inferred: DType = booleans && flat.length > 0 ? 'bool' : 'f32';
  return make(flat as number[], shape, options.dtype ?? inferred, options);
}

/** A tensor of the given shape from flat row-major values, which are copied. Throws ShapeError when their number does not fit, ArgumentError when
 * they are no array. */
export function fromArray(values: ArrayLike<number> | DataArray, shape: Shape, options: CreateOptions = {}): Tensor {
  checkShape('fromArray', shape);
  if (typeof values !== 'object' || values === null || !Number.isInteger(values.length)) {
    throw new ArgumentError('fromArray', `values must be an array or a typed array, got ${values === null ? 'null' : typeof values}`);
  }
  if (values.length !== sizeOf(shape))
    throw new ShapeError('fromArray', `shape ${formatShape(shape)} has ${sizeOf(shape)} elements, values has ${values.length}`);
  return make(values, [...shape], options.dtype ?? dtypeOfArray(values), options);
}

/** A bf16 or f16 tensor from bit patterns, as bits() gives them and files hold them. Throws ShapeError when their number does not fit, DTypeError for other dtypes. */
export function fromBits(bits: Uint16Array, shape: Shape, dtype: 'bf16' | 'f16'): Tensor {
  checkShape('fromBits', shape);
  checkDType('fromBits', dtype);
  if (!isHalf(dtype)) throw new DTypeError('fromBits', `dtype must be bf16 or f16, got ${String(dtype)}`);
  if (!(bits instanceof Uint16Array)) throw new ArgumentError('fromBits', 'bits must be a Uint16Array');
  if (bits.length !== sizeOf(shape))
    throw new ShapeError('fromBits', `shape ${formatShape(shape)} has ${sizeOf(shape)} elements, bits has ${bits.length}`);
  const out = emptyTensor([...shape], dtype);
  if (out.size > 0) writeRaw(out, bits);
  return out;
}

function make(values: ArrayLike<number> | DataArray, shape: Shape, dtype: DType, { requiresGrad = false }: CreateOptions): Tensor {
  checkDType('tensor', dtype);
  const out = emptyTensor(shape, dtype);
  if (out.size > 0) upload(out, values);
  if (requiresGrad) out.requiresGrad = true;
  return out;
}

function shapeOf(values: NestedArray): number[] {
  const shape: number[] = [];
  for (let level: NestedArray | undefined = values; Array.isArray(level); level = (level as readonly NestedArray[])[0])
    shape.push(level.length);
  return shape;
}

function dtypeOfArray(values: ArrayLike<number> | DataArray): DType {
  if (values instanceof Float64Array) return 'f64';
  if (values instanceof Int32Array) return 'i32';
  if (values instanceof BigInt64Array) return 'i64';
  if (values instanceof Uint8Array) return 'u8';
  if (values instanceof Int8Array) return 'i8';
  return 'f32';
}
