import { native } from '../binding/load.js';
import { ExecutionError } from '../errors.js';
import type { Handle } from './handle.js';
import { dtypeCode, type DataArray } from '../core/dtype.js';

/**
 * The command stream: the only way down. Ops append commands here; they are handed to the executor in batches, and run there in order.
 * The format is described in native/engine/command.h.
 */

const capacity = 1 << 14;
const words = new Float64Array(capacity);
/** A batch is handed over when it is this long ... */
const flushWords = 6144;
/** ... or when it holds enough work (elements touched) to keep the executor busy while more is being recorded. */
const flushElements = 1 << 16;
const fresh = 64;
const releaseBlock = -1;

let used = 0;
let elements = 0;
let seq = 0;

/** The op and the user's line of commands that can fail on data, by sequence number, until they are known to have run. */
const sites = new Map<number, ExecutionError>();
const maxSites = 4096;

/** Number of the last command or transfer given out. */
export function lastSeq(): number {
  return seq;
}

/** Hands everything recorded so far to the executor. */
export function flush(): void {
  if (used === 0) return;
  const count = used;
  used = 0;
  elements = 0;
  native.submit(words, count, seq);
}

/** Appends one command. `fallible` is the op's name when bad data can make the kernel fail; then the caller's line is remembered. */
export function command(
  kernel: number,
  ins: readonly Handle[],
  outs: readonly Handle[],
  params: readonly number[],
  fallible: string,
): void {
  if (used + 6 + params.length + 20 * (ins.length + outs.length) > capacity) flush();
  const start = used;
  seq++;
  let at = start + 6;
  for (let i = 0; i < params.length; i++) words[at++] = params[i] as number;
  for (let i = 0; i < ins.length; i++) at = operand(at, ins[i] as Handle, 0);
  for (let i = 0; i < outs.length; i++) {
    const out = outs[i] as Handle;
    at = operand(at, out, out.storage.fresh ? fresh : 0);
    out.storage.fresh = false;
    out.storage.lastWrite = seq;
  }
  words[start] = kernel;
  words[start + 1] = seq;
  words[start + 2] = at - start;
  words[start + 3] = ins.length;
  words[start + 4] = outs.length;
  words[start + 5] = params.length;
  used = at;
  if (fallible !== '') remember(fallible);
  if (used > flushWords || elements > flushElements) flush();
}

function operand(start: number, t: Handle, flag: number): number {
  const { shape, strides } = t;
  const rank = shape.length;
  let at = start;
  let size = 1;
  words[at++] = t.storage.block;
  words[at++] = t.offset;
  words[at++] = dtypeCode[t.dtype] + flag;
  words[at++] = rank;
  for (let i = 0; i < rank; i++) {
    const n = shape[i] as number;
    size *= n;
    words[at++] = n;
  }
  for (let i = 0; i < rank; i++) words[at++] = strides[i] as number;
  elements += size;
  return at;
}

/** Appends the command that gives a block's memory back to the system, after everything that uses it. */
export function release(block: number): void {
  if (used + 4 > capacity) flush();
  seq++;
  words[used] = releaseBlock;
  words[used + 1] = seq;
  words[used + 2] = 4;
  words[used + 3] = block;
  used += 4;
}

/** Copies `data` into a block in its turn; `data` may be changed as soon as this returns. */
export function write(block: number, byteOffset: number, data: DataArray): number {
  flush();
  native.write(block, byteOffset, data, ++seq);
  return seq;
}

/** Fills `destination` from a block in its turn and returns the number to wait for. `destination` is not to be touched before. */
export function read(block: number, byteOffset: number, destination: DataArray): number {
  flush();
  native.read(block, byteOffset, destination, ++seq);
  return seq;
}

/** Blocks until everything recorded so far has run. */
export function synchronize(): void {
  flush();
  native.wait(seq, -1);
}

function remember(op: string): void {
  if (sites.size >= maxSites) {
    const { completed } = native.stats();
    for (const known of sites.keys()) if (known <= completed - maxSites) sites.delete(known);
  }
  sites.set(seq, new ExecutionError(op, ''));
}

/** The error object for a failed command: its message, on the stack of the line that called the op. */
export function executionError(id: number): ExecutionError {
  const { seq: failed, kernel, message } = native.error(id);
  const site = sites.get(failed);
  if (site === undefined) return new ExecutionError(kernel, message);
  const error = new ExecutionError(site.op, message);
  const at = site.stack?.indexOf('\n') ?? -1;
  if (site.stack !== undefined && at >= 0) error.stack = `${error.name}: ${error.message}${site.stack.slice(at)}`;
  return error;
}
