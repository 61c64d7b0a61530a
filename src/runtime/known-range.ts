import type { RawArray } from '../core/dtype.js';
import type { Handle } from './handle.js';
import type { Storage } from './storage.js';

/**
 * What range numbers lie in: whole ones written from JavaScript, and results whose op says it (argmax, topk, randperm, full). A command whose labels or indices are known to be good cannot fail, so that nobody need remember who
 * asked for it: a stack costs as much as ten ops (failures.ts). Kernels check each index all the same.
 */
export interface KnownRange {
  readonly low: number;
  readonly high: number;
  /** Of the storage when they were written. */
  readonly version: number;
}

/** Above this a search costs more than a stack. */
const mostSearched = 4096;

/** Remembers the range of `data`, which was written to the storage's beginning. */
export function noteRange(storage: Storage, data: RawArray): void {
  const numbers = data.byteLength === storage.bytes && data.length <= mostSearched ? asInt32(data) : null;
  storage.range = numbers === null ? null : rangeOf(numbers, data.BYTES_PER_ELEMENT / 4, storage.version);
}

function asInt32(data: RawArray): Int32Array | null {
  if (data instanceof Int32Array) return data;
  return data instanceof BigInt64Array ? new Int32Array(data.buffer, data.byteOffset, 2 * data.length) : null;
}

/** Of numbers of one word each, or of two, the lower first; null when one of the latter does not fit in 31 bits or is negative. */
function rangeOf(numbers: Int32Array, step: number, version: number): KnownRange | null {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < numbers.length; i += step) {
    const n = numbers[i] as number;
    if (step === 2 && (numbers[i + 1] !== 0 || n < 0)) return null;
    if (n < low) low = n;
    if (n > high) high = n;
  }
  return { low, high, version };
}

/** Remembers that every element of t, which has just got its memory to itself, will lie in low..high. */
export function noteBounds(t: Handle, low: number, high: number): void {
  t.storage.range = { low, high, version: t.storage.version };
}

/** Whether every element of t is known to lie in 0..count-1. */
export function isIndexInto(t: Handle, count: number): boolean {
  return isWithin(t, 0, count - 1);
}

/** Whether every element of t is known to lie in low..high. */
export function isWithin(t: Handle, low: number, high: number): boolean {
  const { range, version } = t.storage;
  return range !== null && range.version === version && range.low >= low && range.high <= high;
}
