import { inspect } from 'node:util';
import { bytesOf, dataArray, isFloating, isHalf, itemSize, type DataArray, type DType, type RawArray } from '../core/dtype.js';
import { formatShape, sizeOf, type Shape, type Spec } from '../core/shape.js';
import { DTypeError, GradError, ShapeError } from '../errors.js';
import { checkLive, Handle } from '../runtime/handle.js';
import { kernel } from '../runtime/kernel.js';
import { noteRange } from '../runtime/known-range.js';
import { isReady, readAsync, readSync } from '../runtime/reader.js';
import { own, releaseHandle } from '../runtime/scope.js';
import { allocate, type Storage } from '../runtime/storage.js';
import { write } from '../runtime/stream.js';
import type { Node } from './node.js';
import { formatTensor, toNested, type Nested } from './print.js';

const copy = kernel('copy', [1, 1]);
const widen = kernel('cast_f32', [1, 1]);
const narrow = { bf16: kernel('cast_bf16', [1, 1]), f16: kernel('cast_f16', [1, 1]) };

/** How long console.log(t) may wait for a value that is still being computed. */
const inspectWaitMs = 5;

/**
 * An n-dimensional array that lives in the native engine. Its shape and dtype are known at once; its values are there once the commands that compute them
 * have run: `await t.data()`. Ops are methods and functions alike: `x.add(y)`, `add(x, y)`.
 */
export class Tensor extends Handle {
  /** The recorded op that made it, and which of the op's outputs it is. */
  declare node: Node | null;
  declare nodeIndex: number;
  /** For a handle that stands for a leaf (a saved tensor): the leaf that gradients go to. */
  declare leaf: Tensor | null;
  /** For a leaf: number of the last search through the graph that came by, and its place in it. */
  declare seenBy: number;
  declare place: number;
  /** Internal: its shape and dtype as nodes remember them, once one does. */
  declare spec: Spec | null;
  declare private needsGrad: boolean;
  declare private gradient: Tensor | null;

  /** Internal: use tensor(), zeros() and the like. */
  constructor(storage: Storage, dtype: DType, shape: Shape, ownStrides: Shape | null, offset: number) {
    super(storage, dtype, shape, ownStrides, offset);
    this.node = null;
    this.nodeIndex = 0;
    this.leaf = null;
    this.seenBy = 0;
    this.place = 0;
    this.spec = null;
    this.needsGrad = false;
    this.gradient = null;
    own(this);
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Whether gradients flow to this tensor: set on leaves, inherited by what is computed from them. */
  get requiresGrad(): boolean {
    return this.needsGrad || this.node !== null || this.leaf !== null;
  }

  set requiresGrad(on: boolean) {
    if (on && !isFloating(this.dtype))
      throw new DTypeError('requiresGrad', `only floating tensors have gradients, this one is ${this.dtype}`);
    if (this.node !== null) {
      if (!on)
        throw new GradError('requiresGrad', `this tensor was computed by ${this.node.rule.name}; use detach() to cut it from the graph`);
      return;
    }
    this.needsGrad = on;
  }

  /** Whether it is a tensor that gradients are accumulated into (not computed from others). */
  get isLeaf(): boolean {
    return this.node === null;
  }

  /** The gradient that backward() accumulated, or null. */
  get grad(): Tensor | null {
    return this.gradient;
  }

  set grad(g: Tensor | null) {
    this.gradient = g;
  }

  /** The values, in row-major order, once they are computed; those of bf16 and f16 in f32. The event loop goes on. Rejects with the error of a command that they depend on. */
  async data(): Promise<DataArray> {
    checkLive('data', 'x', this);
    if (this.size === 0) return dataArray(this.dtype, 0);
    const source = this.packed();
    try {
      return (await readAsync(source)) as DataArray;
    } finally {
      if (source !== this) releaseHandle(source, 'data');
    }
  }

  /** The bit patterns of a bf16 or f16 tensor, in row-major order, once they are computed: what files hold. Throws DTypeError for other dtypes. */
  async bits(): Promise<Uint16Array> {
    checkLive('bits', 'x', this);
    if (!isHalf(this.dtype))
      throw new DTypeError('bits', `x must be bf16 or f16, got ${this.dtype} ${formatShape(this.shape)}; use data()`);
    if (this.size === 0) return new Uint16Array(0);
    const source = this.isContiguous ? this : this.copied();
    try {
      return (await readAsync(source)) as Uint16Array;
    } finally {
      if (source !== this) releaseHandle(source, 'bits');
    }
  }

  /** The values; blocks the thread until they are computed. */
  dataSync(): DataArray {
    checkLive('dataSync', 'x', this);
    if (this.size === 0) return dataArray(this.dtype, 0);
    const source = this.packed();
    try {
      return readSync(source) as DataArray;
    } finally {
      if (source !== this) releaseHandle(source, 'dataSync');
    }
  }

  /** The only element, as a number (true is 1). Throws ShapeError if there are more. */
  async item(): Promise<number> {
    this.checkItem('item');
    return Number((await this.data())[0]);
  }

  /** As item(), but blocks the thread. */
  itemSync(): number {
    this.checkItem('itemSync');
    return Number(this.dataSync()[0]);
  }

  /** The values as nested arrays of numbers (booleans for bool); a scalar gives a number. */
  async toArray(): Promise<Nested> {
    return toNested(await this.data(), this.shape, this.dtype);
  }

  /** As toArray(), but blocks the thread. */
  toArraySync(): Nested {
    return toNested(this.dataSync(), this.shape, this.dtype);
  }

  /** Overwrites the values in place with `data` (as many elements as there are). Throws ShapeError on another length. Not recorded. */
  setData(data: ArrayLike<number> | DataArray): this {
    checkLive('setData', 'x', this);
    if (data.length !== this.size)
      throw new ShapeError('setData', `x ${formatShape(this.shape)} has ${this.size} elements, data has ${data.length}`);
    if (!this.isContiguous) throw new ShapeError('setData', `x ${formatShape(this.shape)} is a strided view; write to its base instead`);
    this.storage.version++;
    if (this.size > 0) upload(this, data);
    return this;
  }

  /** A handle on the same values that is cut from the graph. */
  detach(): Tensor {
    checkLive('detach', 'x', this);
    return shareHandle(this);
  }

  /** Gives the memory back now. Using the tensor afterwards throws DisposedError; disposing twice is fine. */
  dispose(): void {
    releaseHandle(this, 'dispose');
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Whether it was released. */
  get isDisposed(): boolean {
    return this.releasedBy !== '';
  }

  /** Values, shape and dtype as text, once they are computed. */
  async format(): Promise<string> {
    return formatTensor(await this.data(), this.shape, this.dtype, this.notes());
  }

  /** What is known without waiting. */
  override toString(): string {
    return `Tensor(${this.dtype} ${formatShape(this.shape)})`;
  }

  /** console.log(t): the values if they are there (or come within 5 ms), else a note that they are pending. */
  [inspect.custom](): string {
    if (this.isDisposed) return `Tensor(${this.dtype} ${formatShape(this.shape)}, released by ${this.releasedBy})`;
    if (this.size > 0 && !isReady(this, inspectWaitMs)) return `Tensor(${this.dtype} ${formatShape(this.shape)}, pending: await t.data())`;
    try {
      return formatTensor(this.dataSync(), this.shape, this.dtype, this.notes());
    } catch (error) {
      return `Tensor(${this.dtype} ${formatShape(this.shape)}, failed: ${error instanceof Error ? error.message : String(error)})`;
    }
  }

  private notes(): string[] {
    if (this.node !== null) return [`from ${this.node.rule.name}`];
    return this.needsGrad ? ['requiresGrad'] : [];
  }

  private checkItem(op: string): void {
    if (this.size !== 1)
      throw new ShapeError(op, `x ${formatShape(this.shape)} has ${this.size} elements, not one; use data() or toArray()`);
  }

  /** Itself, or a copy whose elements lie one after the other, as values that JavaScript knows. */
  private packed(): Tensor {
    if (isHalf(this.dtype)) {
      const out = emptyTensor(this.shape, 'f32');
      widen([this], [out]);
      return out;
    }
    return this.isContiguous ? this : this.copied();
  }

  private copied(): Tensor {
    const out = emptyTensor(this.shape, this.dtype);
    copy([this], [out]);
    return out;
  }
}

/** A new tensor with unset values. */
export function emptyTensor(shape: Shape, dtype: DType): Tensor {
  const storage = allocate(sizeOf(shape) * bytesOf(dtype));
  return new Tensor(storage, dtype, shape, null, 0);
}

/** A new handle on the same values, without graph. */
export function shareHandle(t: Tensor): Tensor {
  return viewHandle(t, t.shape, t.ownStrides, t.offset);
}

/** A new handle on a window of the same storage, without graph. */
export function viewHandle(t: Pick<Handle, 'storage' | 'dtype'>, shape: Shape, ownStrides: Shape | null, offset: number): Tensor {
  t.storage.refs++;
  return new Tensor(t.storage, t.dtype, shape, ownStrides, offset);
}

/** Writes JavaScript values into a contiguous tensor, converting as its dtype asks. */
export function upload(t: Tensor, data: ArrayLike<number> | DataArray): void {
  if (t.dtype !== 'bf16' && t.dtype !== 'f16') {
    writeRaw(t, asDataArray(data, t.dtype));
    return;
  }
  const wide = emptyTensor(t.shape, 'f32');
  writeRaw(wide, asDataArray(data, 'f32'));
  narrow[t.dtype]([wide], [t]);
  releaseHandle(wide, 'upload');
}

/** Writes elements as they lie in memory into a contiguous tensor. */
export function writeRaw(t: Tensor, data: RawArray): void {
  t.storage.lastWrite = write(t.storage.block, t.offset * itemSize[t.dtype], data);
  noteRange(t.storage, data);
}

function asDataArray(data: ArrayLike<number> | DataArray, dtype: DType): DataArray {
  if (dtype === 'bool') return Uint8Array.from(data as ArrayLike<number>, (v) => (Number(v) === 0 ? 0 : 1));
  if (dtype === 'f32') return data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>, Number);
  if (dtype === 'f64') return data instanceof Float64Array ? data : Float64Array.from(data as ArrayLike<number>, Number);
  if (dtype === 'i32') return data instanceof Int32Array ? data : Int32Array.from(data as ArrayLike<number>, Number);
  if (dtype === 'u8') return data instanceof Uint8Array ? data : Uint8Array.from(data as ArrayLike<number>, Number);
  if (dtype === 'i8') return data instanceof Int8Array ? data : Int8Array.from(data as ArrayLike<number>, Number);
  return data instanceof BigInt64Array ? data : BigInt64Array.from(data as ArrayLike<number>, (v) => BigInt(Math.trunc(Number(v))));
}
