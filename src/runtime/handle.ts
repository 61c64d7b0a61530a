import type { DType } from '../core/dtype.js';
import { contiguousStrides, isContiguous, whole, type Shape } from '../core/shape.js';
import { ArgumentError, describe, DisposedError } from '../errors.js';
import type { Storage } from './storage.js';

/** A strided window on a storage: what commands are made of. Tensor extends it. */
export class Handle {
  // Declared, and set by the constructor: fields with initialisers are defined by a function that V8 does not inline, a tenth of what a small op costs.
  declare readonly storage: Storage;
  declare readonly dtype: DType;
  declare readonly shape: Shape;
  /** The strides, or null for those of row-major order: nearly all, and a list of each tensor's own would be a fifth of what it allocates. */
  declare readonly ownStrides: Shape | null;
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

  constructor(storage: Storage, dtype: DType, shape: Shape, ownStrides: Shape | null, offset: number) {
    this.storage = storage;
    this.dtype = dtype;
    this.shape = shape;
    this.ownStrides = ownStrides;
    this.offset = whole(offset);
    this.releasedBy = '';
    this.kept = false;
    this.escapes = false;
    this.older = null;
  }

  /** In elements, may be 0 (broadcast) or negative (flip). */
  get strides(): Shape {
    return this.ownStrides ?? contiguousStrides(this.shape);
  }

  /** Whether the elements lie one after the other in row-major order. */
  get isContiguous(): boolean {
    return this.ownStrides === null || isContiguous(this.shape, this.ownStrides);
  }
}

/** Throws ArgumentError unless `handle` is a tensor (of this thread and this copy of the package), DisposedError if it was released. */
export function checkLive(op: string, name: string, handle: unknown): asserts handle is Handle {
  if (!(handle instanceof Handle) || handle.releasedBy !== '') refuse(op, name, handle);
}

/** checkLive for each of a list; the names of its members are made when one of them is needed, there are hundreds. */
export function checkAllLive(op: string, name: string, handles: readonly unknown[]): asserts handles is readonly Handle[] {
  for (let i = 0; i < handles.length; i++) {
    const handle = handles[i];
    if (!(handle instanceof Handle) || handle.releasedBy !== '') refuse(op, `${name} ${i}`, handle);
  }
}

function refuse(op: string, name: string, handle: unknown): never {
  if (!(handle instanceof Handle)) throw new ArgumentError(op, `${name} must be a tensor, got ${describe(handle)}`);
  const cure = handle.releasedBy === 'dispose' ? '' : '; return it from there, or mark it with keep(), to use it later';
  throw new DisposedError(op, `${name} [${handle.shape.join(',')}] was released by ${handle.releasedBy}${cure}`);
}
