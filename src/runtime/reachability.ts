import { native } from '../binding/load.js';

/**
 * Which storages have become unreachable. Weak references are polled, not finalized: finalizers and WeakRef never report anything inside a synchronous
 * loop, a polled Node-API reference does (docs/memory.md).
 */

interface Watched {
  readonly block: number;
  readonly bytes: number;
  readonly sizeClass: number;
  slot: number;
}

export interface Dead {
  readonly block: number;
  readonly bytes: number;
  readonly sizeClass: number;
}

/** By slot: what to give back when the object is gone. Never the object itself. */
const blocks: number[] = [];
const byteSizes: number[] = [];
const sizeClasses: number[] = [];
const freeSlots: number[] = [];

/** Watched but not yet handed to the addon: one call for many. They are strongly held until then. */
let pending: Watched[] = [];
const maxPending = 64;
const maxPendingBytes = 1 << 20;
let pendingBytes = 0;
let watchedSinceSweep = 0;
let live = 0;

export function watch(storage: Watched): void {
  const slot = freeSlots.pop() ?? blocks.length;
  blocks[slot] = storage.block;
  byteSizes[slot] = storage.bytes;
  sizeClasses[slot] = storage.sizeClass;
  storage.slot = slot;
  pending.push(storage);
  live++;
  watchedSinceSweep++;
  pendingBytes += storage.bytes;
  if (pending.length >= maxPending || pendingBytes > maxPendingBytes) hand();
}

function hand(): void {
  const objects = pending.filter((storage) => storage.slot >= 0);
  pending = [];
  pendingBytes = 0;
  if (objects.length > 0)
    native.track(
      objects,
      Uint32Array.from(objects, (storage) => storage.slot),
    );
}

export function forget(storage: Watched): void {
  native.untrack(storage.slot);
  freeSlots.push(storage.slot);
  storage.slot = -1;
  live--;
}

/** Storages that have become unreachable since the last call. */
export function sweep(): Dead[] {
  hand();
  watchedSinceSweep = 0;
  const dead: Dead[] = [];
  for (const slot of native.sweep()) {
    dead.push({ block: blocks[slot] as number, bytes: byteSizes[slot] as number, sizeClass: sizeClasses[slot] as number });
    freeSlots.push(slot);
    live--;
  }
  return dead;
}

/** Whether enough was watched since the last sweep for its cost (about 30 ns for each live reference) to be shared out. */
export function sweepIsDue(): boolean {
  return watchedSinceSweep > Math.max(2048, live >> 1);
}

/** Number of storages that are watched. */
export function watchedCount(): number {
  return live;
}
