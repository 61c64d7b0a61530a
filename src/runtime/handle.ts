import type { DType } from '../core/dtype.js';
import { isContiguous, whole, type Shape } from '../core/shape.js';
import { ArgumentError, describe, DisposedError } from '../errors.js';
import type { Storage } from './storage.js';

/** A strided window on a storage: what commands are made of. Tensor extends it. */
export class Handle {
  // Declared, and set by the constructor: fields with initialisers are defined by a function that V8 does not inline, a tenth of what a small op costs.
  declare readonly storage: Storage;
  declare readonly dtype: DType;
  declare readonly shape: Shape;
  /** In elements, may be 0 (broadcast) or negative (flip). */
  declare readonly strides: Shape;
  /** Of the first element, in elements. */
  declare readonly offset: number;
  /** Who released this handle ('' while it is live). */
  declare releasedBy: string;
  /** Taken out of its scope by keep() or by becoming a parameter. */
  declare kept: boolean;
  /** While its scope ends: it is part of the result and goes to the scope around. */
  declare escapes: boolean;
  /** The handle that its scope owned before it. */
  declare older: Handle | null;
  declare private rowMajor: boolean | undefined;

  constructor(storage: Storage, dtype: DType, shape: Shape, strides: Shape, offset: number) {
    this.storage = storage;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
    this.offset = whole(offset);
    this.releasedBy = '';
    this.kept = false;
    this.escapes = false;
    this.older = null;
    this.rowMajor = undefined;
  }

  /** Whether the elements lie one after the other in row-major order. */
  get isContiguous(): boolean {
    return (this.rowMajor ??= isContiguous(this.shape, this.strides));
  }
}

/** Throws ArgumentError unless `handle` is a tensor (of this thread and this copy of the package), DisposedError if it was released. */
export function checkLive(op: string, name: string, handle: unknown): asserts handle is Handle {
  if (!(handle instanceof Handle)) throw new ArgumentError(op, `${name} must be a tensor, got ${describe(handle)}`);
  if (handle.releasedBy !== '') throwDisposed(op, name, handle);
}

/** checkLive for each of a list; the names of its members are made when one of them is needed, there are hundreds. */
export function checkAllLive(op: string, name: string, handles: readonly unknown[]): asserts handles is readonly Handle[] {
  for (let i = 0; i < handles.length; i++) {
    const handle = handles[i];
    if (!(handle instanceof Handle) || handle.releasedBy !== '') checkLive(op, `${name} ${i}`, handle);
  }
}

function throwDisposed(op: string, name: string, handle: Handle): never {
  const cure = handle.releasedBy === 'dispose' ? '' : '; return it from there, or mark it with keep(), to use it later';
  throw new DisposedError(op, `${name} [${handle.shape.join(',')}] was released by ${handle.releasedBy}${cure}`);
}
