import { whole } from '../core/shape.js';
import { acquire, recycle, trackedBytesChanged, type Acquired } from './blocks.js';
import type { KnownRange } from './known-range.js';
import { forget, watch } from './reachability.js';

/**
 * The memory of one or more tensors. It goes back to the pool when its last handle is released or, for what is not owned by a scope, when nothing reaches this
 * object any more (reachability.ts).
 */
export class Storage {
  // Declared, and set by the constructor, for the reason given in handle.ts.
  declare readonly block: number;
  declare readonly bytes: number;
  declare readonly sizeClass: number;
  /** Handles and graph nodes that hold this storage. */
  declare refs: number;
  /** Counts in-place changes; a saved tensor remembers it. */
  declare version: number;
  /** Sequence number of the last command that writes it, 0 until there is one. */
  declare lastWrite: number;
  /** Of numbers that were written from JavaScript, or whose op says what they are: known-range.ts. */
  declare range: KnownRange | null;
  /** Slot of its weak reference, or -1 while scopes alone own it. */
  declare slot: number;
  /** A copy in another layout that an op keeps as long as this memory lives: see keepCopy. */
  declare copy: Copy | null;

  constructor(acquired: Acquired, bytes: number) {
    this.block = acquired.block;
    this.sizeClass = acquired.sizeClass;
    this.bytes = whole(bytes);
    this.refs = 1;
    this.version = 0;
    this.lastWrite = 0;
    this.range = null;
    this.slot = -1;
    this.copy = null;
  }
}

interface Copy {
  readonly storage: Storage;
  /** What was copied and how. */
  readonly key: string;
  /** Of the original when it was copied. */
  readonly version: number;
}

/**
 * The copy of `storage` that `key` describes, made by `fill` in `bytes` of new memory unless one is there and the original was not changed since. It is
 * released with the original; there is one at a time.
 */
export function keepCopy(storage: Storage, key: string, bytes: number, fill: (copy: Storage) => void): Storage {
  const known = storage.copy;
  if (known !== null && known.key === key && known.version === storage.version) return known.storage;
  if (known !== null) drop(known.storage);
  const copy = allocate(bytes);
  track(copy);
  storage.copy = { storage: copy, key, version: storage.version };
  fill(copy);
  return copy;
}

/** New memory, with one reference. Contents are whatever was there. */
export function allocate(bytes: number): Storage {
  return new Storage(acquire(bytes), bytes);
}

/** Gives one reference up. What others still hold is from now on found by reachability if they drop it silently. */
export function drop(storage: Storage): void {
  if (--storage.refs > 0) {
    track(storage);
    return;
  }
  if (storage.slot >= 0) {
    forget(storage);
    trackedBytesChanged(-storage.bytes);
  }
  recycle(storage.block, storage.sizeClass);
  if (storage.copy !== null) drop(storage.copy.storage);
  storage.copy = null;
}

/** Lets the storage be freed when it becomes unreachable, however it is dropped. */
export function track(storage: Storage): void {
  if (storage.slot >= 0) return;
  watch(storage);
  trackedBytesChanged(storage.bytes);
}
