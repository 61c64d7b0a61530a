import { native } from '../binding/load.js';
import { MemoryError } from '../errors.js';
import { forgetSites } from './failures.js';
import { sweep, sweepIsDue } from './reachability.js';
import { dropCopies, release, synchronize } from './stream.js';

/**
 * The block pool. Because commands run in order, a block that is given back here can be handed out again at once: whatever uses it next runs after whatever
 * used it before. So allocation is a pop from a list, on JavaScript's thread, without waiting for anything.
 */

export interface Acquired {
  readonly block: number;
  readonly sizeClass: number;
}

/** Free blocks by size class. */
const free: number[][] = [];
/** Where the large live blocks were made, for the message when memory runs out. */
const large = new Map<number, { readonly bytes: number; readonly site: string }>();
const largeBytes = 1 << 20;
/** Blocks up to this size are cut many at a time from one allocation and stay in the pool for good. */
const slabBytes = 1 << 16;
/** V8 sees small objects and is in no hurry: a collection is urged when tracked memory is this much above twice what the last one left. */
const urgeBytes = 96 << 20;
/** Unreachable memory is looked for after this much was dropped into V8's care. */
const sweepBytes = 8 << 20;

let allocations = 0;
let liveBytes = 0;
let peakBytes = 0;
let liveBlocks = 0;
let trackedBytes = 0;
let trackedSinceSweep = 0;
let survivedLastCollection = 0;
let unreported = 0;
/** The limit, as last seen; where large tensors are made is remembered when they take a good part of it. */
let budgetBytes = native.stats().budgetBytes;

/** Up to here, size classes are four steps between powers of two apart, above eight: there, what is wasted is on pages of 2 MiB and resident (`native/memory/arena.h`). */
const fourSteps = 35;
/**
 * Bytes of the blocks in each size class: multiples of 64 up to 256, then four steps between powers of two up to 64 KiB (at most 25 % is wasted), then eight (12.5 %). A table:
 * powers are slow.
 */
const classSizes: readonly number[] = [
  ...[64, 128, 192, 256],
  ...Array.from({ length: 32 }, (_, i) => 2 ** (6 + (i >> 2)) * (5 + (i & 3))),
  ...Array.from({ length: 296 }, (_, i) => 2 ** (13 + (i >> 3)) * (9 + (i & 7))),
];
/** The first class above 2^30 bytes: below, whole numbers of 32 bits find a class; above, a search. */
const firstHuge = fourSteps + 1 + 8 * (30 - 16);

/** The size class of that many bytes. */
export function sizeClassOf(bytes: number): number {
  return bytes <= 256 ? (bytes <= 64 ? 0 : (bytes - 1) >> 6) : sizeClassAbove256(bytes);
}

function sizeClassAbove256(bytes: number): number {
  if (bytes <= 2 ** 30) {
    const exponent = 31 - Math.clz32(bytes - 1);
    const beyond = bytes - 1 - (1 << exponent);
    return exponent < 16
      ? 4 * (exponent - 7) + (beyond >> (exponent - 2))
      : fourSteps + 1 + 8 * (exponent - 16) + (beyond >> (exponent - 3));
  }
  let sizeClass = firstHuge;
  while (classBytes(sizeClass) < bytes) sizeClass++;
  return sizeClass;
}

/** Bytes of the blocks in a size class. */
export function classBytes(sizeClass: number): number {
  return classSizes[sizeClass] ?? Infinity;
}

/** A block of at least `bytes`. Throws MemoryError when the budget has no room even after everything unreachable was given back. */
export function acquire(bytes: number): Acquired {
  const sizeClass = sizeClassOf(bytes);
  const block = free[sizeClass]?.pop() ?? refill(sizeClass, bytes);
  const size = classBytes(sizeClass);
  allocations++;
  liveBlocks++;
  liveBytes += size;
  if (liveBytes > peakBytes) peakBytes = liveBytes;
  if (size >= largeBytes) noteLarge(block, size);
  return { block, sizeClass };
}

function noteLarge(block: number, bytes: number): void {
  large.set(block, { bytes, site: liveBytes > budgetBytes / 8 ? callSite() : '' });
}

/** The stack as text, at once: a stack that is not asked for its text keeps every `this` on it alive, and thereby the tensors to be freed. */
function callSite(): string {
  const site: { stack?: string } = {};
  Error.captureStackTrace(site, acquire);
  return firstUserLine(site.stack ?? '');
}

/** Puts a block back; the next acquire of its class may take it. */
export function recycle(block: number, sizeClass: number): void {
  (free[sizeClass] ??= []).push(block);
  liveBlocks--;
  const size = classBytes(sizeClass);
  liveBytes -= size;
  if (size >= largeBytes) large.delete(block);
}

/** Bytes that only V8's collector can free (negative: no longer). */
export function trackedBytesChanged(bytes: number): void {
  trackedBytes += bytes;
  if (bytes > 0) trackedSinceSweep += bytes;
  unreported += bytes;
}

/**
 * Tells V8 what its collector could free; it collects sooner when there is much. Only when the pool has to grow: in a training loop the graph's memory rises and
 * falls with each step while the pool stays as it is, and V8 would collect at every rise.
 */
function reportToV8(): void {
  native.adjustExternal(unreported);
  unreported = 0;
}

/** Gives the blocks of unreachable storages back to the pool. */
export function collectUnreachable(): number {
  forgetSites();
  trackedSinceSweep = 0;
  return sweep((block, bytes, sizeClass) => {
    recycle(block, sizeClass);
    trackedBytes -= bytes;
    unreported -= bytes;
  });
}

function refill(sizeClass: number, bytes: number): number {
  if (trackedSinceSweep > sweepBytes || sweepIsDue()) {
    reportToV8();
    collectUnreachable();
    if (trackedBytes > 2 * survivedLastCollection + urgeBytes) {
      urgeCollection();
      collectUnreachable();
      survivedLastCollection = trackedBytes;
    }
    const found = free[sizeClass]?.pop();
    if (found !== undefined) return found;
  }
  return grow(sizeClass) ?? growAfterCleaning(sizeClass) ?? outOfMemory(bytes);
}

function grow(sizeClass: number): number | undefined {
  const size = classBytes(sizeClass);
  const count = size >= slabBytes ? 1 : Math.max(1, Math.floor(slabBytes / size));
  const first = native.allocate(size, count);
  if (first < 0) return undefined;
  const list = (free[sizeClass] ??= []);
  for (let i = count - 1; i > 0; i--) list.push(first + i);
  return first;
}

/** Everything that can be done to make room: unreachable memory, then free blocks of other classes, then V8's own garbage. */
function growAfterCleaning(sizeClass: number): number | undefined {
  for (let attempt = 0; attempt < 2; attempt++) {
    if (attempt > 0) urgeCollection();
    collectUnreachable();
    const found = free[sizeClass]?.pop();
    if (found !== undefined) return found;
    trimPool();
    const grown = grow(sizeClass);
    if (grown !== undefined) return grown;
  }
  return undefined;
}

/** Makes V8 collect now: a large rise in external memory does that. */
function urgeCollection(): void {
  const bytes = 4 * 2 ** 30;
  native.adjustExternal(bytes);
  native.adjustExternal(-bytes);
}

/** Returns all free blocks that are not part of a slab, and copies of blocks in other orders, to the system. */
export function trimPool(): void {
  dropCopies();
  for (let sizeClass = 0; sizeClass < free.length; sizeClass++) {
    const list = free[sizeClass];
    if (list === undefined || classBytes(sizeClass) < slabBytes) continue;
    for (const block of list) release(block);
    list.length = 0;
  }
  synchronize();
}

function outOfMemory(bytes: number): never {
  const { budgetBytes, reservedBytes } = native.stats();
  const largest = [...large.values()].sort((a, b) => b.bytes - a.bytes).slice(0, 5);
  const lines = largest.map(({ bytes: size, site }) => `  ${megabytes(size)} made ${site === '' ? 'while memory was plentiful' : site}`);
  throw new MemoryError(
    '',
    `no room for ${megabytes(bytes)}: ${megabytes(reservedBytes)} of the budget of ${megabytes(budgetBytes)} are taken, ${megabytes(liveBytes)} of them by live tensors. ` +
      `${lines.length === 0 ? '' : `Largest live tensors:\n${lines.join('\n')}\n`}Release what is no longer needed (scope(), using, dispose()), use smaller batches, or raise the limit with engine.setMemoryBudget(bytes).`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}

/** The first stack line outside this package. */
function firstUserLine(stack: string): string {
  const lines = stack.split('\n').slice(1);
  const user =
    lines.find((line) => !/[\\/](src|dist)[\\/](runtime|tensor|ops|create|autograd|nn|optim|data)[\\/]/.test(line)) ?? lines[0] ?? '';
  return user.trim();
}

/** Sets the limit on reserved memory, for the whole process. */
export function setBudget(bytes: number): void {
  native.setBudget(bytes);
  budgetBytes = bytes;
}

/** Counters for engine.stats(). */
export function poolStats(): { allocations: number; liveBlocks: number; liveBytes: number; peakBytes: number } {
  return { allocations, liveBlocks, liveBytes, peakBytes };
}

/** Starts a new peak measurement. */
export function resetPeak(): void {
  peakBytes = liveBytes;
}
