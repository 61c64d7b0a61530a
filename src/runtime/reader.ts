import { native } from '../binding/load.js';
import { dataArray, isHalf, itemSize, type RawArray } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import type { Handle } from './handle.js';
import { executionError, reportSkipped } from './failures.js';
import { flush, read, waitFor } from './stream.js';

/** Reads under way, by sequence number. Holding the array here keeps it alive while the executor fills it. */
interface Reader {
  readonly array: RawArray;
  /** Called with 0 or the id of the error that the values depend on. */
  readonly done: (error: number) => void;
}
const readers = new Map<number, Reader>();
/** How many of them are awaited: as long as there is one, the event loop stays alive. */
let awaited = 0;

native.attach(settle);

function settle(): void {
  const ended = native.takeDone();
  for (let i = 0; i < ended.length; i += 2) {
    const seq = ended[i] as number;
    const error = ended[i + 1] as number;
    if (seq === 0) reportSkipped(error, () => awaited > 0);
    const reader = readers.get(seq);
    readers.delete(seq);
    reader?.done(error);
  }
}

function start(t: Handle, done: (error: number) => void): Reader & { readonly seq: number } {
  const count = sizeOf(t.shape);
  const array = isHalf(t.dtype) ? new Uint16Array(count) : dataArray(t.dtype, count);
  const reader = { array, done, seq: read(t.storage.block, t.offset * itemSize[t.dtype], array) };
  readers.set(reader.seq, reader);
  return reader;
}

/** The values of a contiguous handle (the bits, for bf16 and f16), once everything before has run. Rejects with the error that they depend on. */
export function readAsync(t: Handle): Promise<RawArray> {
  return new Promise((resolve, reject) => {
    const { array } = start(t, (error) => {
      if (--awaited === 0) native.keepAlive(false);
      if (error === 0) resolve(array);
      else reject(executionError(error));
    });
    if (awaited++ === 0) native.keepAlive(true);
  });
}

/** As readAsync, but blocks the thread until the values are there. */
export function readSync(t: Handle): RawArray {
  let failure = 0;
  const { seq, array } = start(t, (error) => (failure = error));
  waitFor(seq);
  settle();
  if (failure !== 0) throw executionError(failure);
  return array;
}

/** Whether the values are there, after waiting at most `timeoutMs`. */
export function isReady(t: Handle, timeoutMs: number): boolean {
  flush();
  return native.wait(t.storage.lastWrite, timeoutMs);
}
