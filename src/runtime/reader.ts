import { native } from '../binding/load.js';
import { dataArray, itemSize, type DataArray } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import type { ExecutionError } from '../errors.js';
import type { Handle } from './handle.js';
import { executionError, flush, read } from './stream.js';

/** Reads that are awaited, by sequence number. Holding the array here keeps it alive while the executor fills it. */
interface Waiting {
  readonly array: DataArray;
  readonly resolve: (array: DataArray) => void;
  readonly reject: (error: ExecutionError) => void;
}
const waiting = new Map<number, Waiting>();

/** Errors of synchronous reads, by sequence number, between the end of the read and its reader picking it up. */
const syncErrors = new Map<number, number>();

native.attach(settle);

function settle(): void {
  const done = native.takeDone();
  for (let i = 0; i < done.length; i += 2) {
    const seq = done[i] as number;
    const error = done[i + 1] as number;
    const reader = waiting.get(seq);
    if (reader === undefined) {
      if (error !== 0) syncErrors.set(seq, error);
      continue;
    }
    waiting.delete(seq);
    if (waiting.size === 0) native.keepAlive(false);
    if (error === 0) reader.resolve(reader.array);
    else reader.reject(executionError(error));
  }
}

function start(t: Handle): { seq: number; array: DataArray } {
  const array = dataArray(t.dtype, sizeOf(t.shape));
  const seq = read(t.storage.block, t.offset * itemSize[t.dtype], array);
  return { seq, array };
}

/** The values of a contiguous handle, once everything before has run. Rejects with the error that they depend on. */
export function readAsync(t: Handle): Promise<DataArray> {
  const { seq, array } = start(t);
  if (waiting.size === 0) native.keepAlive(true);
  return new Promise((resolve, reject) => waiting.set(seq, { array, resolve, reject }));
}

/** As readAsync, but blocks the thread until the values are there. */
export function readSync(t: Handle): DataArray {
  const { seq, array } = start(t);
  native.wait(seq, -1);
  settle();
  const error = syncErrors.get(seq);
  if (error !== undefined) {
    syncErrors.delete(seq);
    throw executionError(error);
  }
  return array;
}

/** Whether the values are there, after waiting at most `timeoutMs`. */
export function isReady(t: Handle, timeoutMs: number): boolean {
  flush();
  return native.wait(t.storage.lastWrite, timeoutMs);
}
