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

/** By slot: what to give back when the object is gone. Never the object itself. */
const blocks: number[] = [];
const byteSizes: number[] = [];
const sizeClasses: number[] = [];
const freeSlots: number[] = [];
/** Whether the addon knows of it. */
const handed: boolean[] = [];

/** Watched but not yet handed to the addon: one call for many. They are strongly held until then. */
let pending: Watched[] = [];
const maxPending = 64;
const maxPendingBytes = 1 << 20;
const pendingSlots = new Uint32Array(maxPending);
let pendingBytes = 0;
let watchedSinceSweep = 0;
let live = 0;

export function watch(storage: Watched): void {
  const slot = freeSlots.pop() ?? blocks.length;
  blocks[slot] = storage.block;
  byteSizes[slot] = storage.bytes;
  sizeClasses[slot] = storage.sizeClass;
  handed[slot] = false;
  storage.slot = slot;
  pending.push(storage);
  live++;
  watchedSinceSweep++;
  pendingBytes += storage.bytes;
  if (pending.length >= maxPending || pendingBytes > maxPendingBytes) hand();
}

function hand(): void {
  const objects: Watched[] = [];
  for (const storage of pending) {
    if (storage.slot < 0) continue; // released meanwhile
    handed[storage.slot] = true;
    pendingSlots[objects.length] = storage.slot;
    objects.push(storage);
  }
  pending = [];
  pendingBytes = 0;
  if (objects.length > 0) native.track(objects, pendingSlots);
}

export function forget(storage: Watched): void {
  if (handed[storage.slot] === true) native.untrack(storage.slot);
  freeSlots.push(storage.slot);
  storage.slot = -1;
  live--;
}

/** Gives each storage that has become unreachable since the last call to `free`, and returns their number. */
export function sweep(free: (block: number, bytes: number, sizeClass: number) => void): number {
  hand();
  watchedSinceSweep = 0;
  const dead = native.sweep();
  for (let i = 0; i < dead.length; i++) {
    const slot = dead[i] as number;
    free(blocks[slot] as number, byteSizes[slot] as number, sizeClasses[slot] as number);
    freeSlots.push(slot);
  }
  live -= dead.length;
  return dead.length;
}

/** Whether enough was watched since the last sweep for its cost (about 30 ns for each live reference) to be shared out. */
export function sweepIsDue(): boolean {
  return watchedSinceSweep > Math.max(2048, live >> 1);
}
