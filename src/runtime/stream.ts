import { native } from '../binding/load.js';
import type { Handle } from './handle.js';
import { codeOf, type RawArray } from '../core/dtype.js';
import { rememberSite } from './failures.js';

/**
 * The command stream: the only way down. Ops append commands here; they are handed to the executor in batches, and run there in order.
 * The format is described in native/engine/command.h.
 */

/** As in native/engine/command.h. */
const format = 1;

/** Throws when the addon takes commands of another format: of a build that is older or newer than this code. */
export function checkFormat(found: number | undefined): void {
  if (found === format) return;
  throw new Error(
    `chainrule: the native engine was built from other sources (it takes commands of format ${found ?? 0}, this code writes ${format}). ` +
      'Build it again: `npm rebuild chainrule`, or `npm run build` in a checkout.',
  );
}
checkFormat(native.commandFormat);

const capacity = 1 << 14;
const words = new Float64Array(capacity);
/** A batch is handed over when it is this long ... */
const flushWords = 6144;
/** ... or when it holds enough work (elements touched) to keep the executor busy while more is being recorded; */
const flushElements = 1 << 16;
/** more while batches wait in the queue already: handing one over and taking it out costs both sides about a microsecond. */
const flushElementsBusy = 1 << 19;
/** Of an operand's form. */
const perAxis = 16;
const rowMajor = 256;
const fresh = 512;
const atStart = 1024;
const perBlock = 2048;
/** Of a command's first word. */
const perOut = 1 << 11;
const perKernel = 1 << 22;
const headerWords = 3;
const releaseBlock = -1;
const dropAllCopies = -2;

let used = 0;
let elements = 0;
let enough = flushElements;
let seq = 0;

/** Hands everything recorded so far to the executor. */
export function flush(): void {
  if (used === 0) return;
  const count = used;
  used = 0;
  elements = 0;
  let waiting = -1;
  while (waiting < 0) waiting = native.submit(words, count, seq);
  enough = waiting > 0 ? flushElementsBusy : flushElements;
}

/** How long one look for progress may block; between two of them a worker that is being terminated stops. */
const sliceMs = 50;

/** Calls until it worked: the addon returns false after a moment of waiting for room in the queue. */
function again(attempt: () => boolean): void {
  let done = false;
  while (!done) done = attempt();
}

/** Blocks until the command or transfer with that number has run. */
export function waitFor(target: number): void {
  again(() => native.wait(target, sliceMs));
}

/** Appends one command. `fallible` is the op's name when bad data can make the kernel fail; then the caller's line is remembered. */
export function command(
  kernel: number,
  ins: readonly Handle[],
  outs: readonly Handle[],
  params: readonly number[],
  fallible: string,
): void {
  if (used + headerWords + params.length + 20 * (ins.length + outs.length) > capacity) flush();
  const start = used;
  seq++;
  let at = start + headerWords;
  for (let i = 0; i < params.length; i++) words[at++] = params[i] as number;
  for (let i = 0; i < ins.length; i++) at = operand(at, ins[i] as Handle, 0);
  for (let i = 0; i < outs.length; i++) {
    const out = outs[i] as Handle;
    at = operand(at, out, out.storage.lastWrite === 0 ? fresh : 0);
    out.storage.lastWrite = seq;
  }
  words[start] = ins.length + perOut * outs.length + perKernel * kernel;
  words[start + 1] = seq;
  words[start + 2] = at - start;
  used = at;
  if (fallible !== '') rememberSite(seq, fallible);
  if (used > flushWords || elements > enough) flush();
}

function operand(start: number, t: Handle, flag: number): number {
  const { shape, ownStrides, offset } = t;
  const rank = shape.length;
  let form = codeOf(t.dtype) + perAxis * rank + flag;
  let at = start + 1;
  if (offset === 0) form += atStart;
  else words[at++] = offset;
  if (ownStrides === null) form += rowMajor;
  words[start] = form + perBlock * t.storage.block;
  let size = 1;
  for (let i = 0; i < rank; i++) {
    const n = shape[i] as number;
    size *= n;
    words[at++] = n;
  }
  elements += size;
  if (ownStrides !== null) for (let i = 0; i < rank; i++) words[at++] = ownStrides[i] as number;
  return at;
}

/** Appends the command that gives a block's memory back to the system, after everything that uses it. */
export function release(block: number): void {
  order(releaseBlock, block);
}

/** Appends the command that gives the memory of all copies of blocks back to the system (native/memory/copies.h). */
export function dropCopies(): void {
  order(dropAllCopies, 0);
}

function order(code: number, block: number): void {
  if (used + 4 > capacity) flush();
  seq++;
  words[used] = code;
  words[used + 1] = seq;
  words[used + 2] = 4;
  words[used + 3] = block;
  used += 4;
}

/** Copies `data` into a block in its turn; `data` may be changed as soon as this returns. */
export function write(block: number, byteOffset: number, data: RawArray): number {
  flush();
  seq++;
  again(() => native.write(block, byteOffset, data, seq));
  return seq;
}

/** Fills `destination` from a block in its turn and returns the number to wait for. `destination` is not to be touched before. */
export function read(block: number, byteOffset: number, destination: RawArray): number {
  flush();
  seq++;
  again(() => native.read(block, byteOffset, destination, seq));
  return seq;
}

/** Blocks until everything recorded so far has run. */
export function synchronize(): void {
  flush();
  waitFor(seq);
}
