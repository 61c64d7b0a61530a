import { ArgumentError } from '../errors.js';
import { Handle } from './handle.js';
import { drop, track } from './storage.js';

/**
 * Who owns a tensor. Inside a scope: the scope, which releases it at its end unless it is returned or kept. Outside: whoever can reach it.
 */
class Scope {
  declare readonly name: string;
  declare readonly parent: Scope | undefined;
  /** The handle that it owns since last; each knows the one before it. A chain, for a list would be an allocation more, and another for the first that is in it. */
  declare newest: Handle | null;

  constructor(name: string, parent: Scope | undefined) {
    this.name = name;
    this.parent = parent;
    this.newest = null;
  }
}

let current: Scope | undefined;

/** Gives a new handle its owner: called once for each. */
export function own(handle: Handle): void {
  if (current === undefined) {
    track(handle.storage);
    return;
  }
  handle.older = current.newest;
  current.newest = handle;
}

/** The handle that the current scope came to own last: where `releaseSince` stops. */
export function newestOwned(): Handle | null {
  return current?.newest ?? null;
}

/** Releases what the current scope has come to own since `before` was its newest, except what `escapes`: a scope within a scope for the price of a loop. */
export function releaseSince(before: Handle | null, by: string): void {
  if (current === undefined) return;
  const { newest } = current;
  current.newest = before;
  releaseChain(newest, before, by);
}

/** Releases a handle now; `by` is named when it is used afterwards. Releasing twice is fine. */
export function releaseHandle(handle: Handle, by: string): void {
  if (handle.releasedBy !== '') return;
  handle.releasedBy = by;
  drop(handle.storage);
}

/** Takes a handle out of its scope: it lives as long as something reaches it, or until it is disposed. */
export function keep<T extends Handle>(handle: T): T {
  handle.kept = true;
  track(handle.storage);
  return handle;
}

/**
 * Runs `fn` and releases every tensor made in it, except those in its result (a tensor, or arrays, plain objects and Maps of tensors, nested) and
 * those marked with keep(). What a graph saved for a backward pass stays until that pass. `fn` must be synchronous.
 * Throws ArgumentError when `fn` returns a promise.
 */
export function scope<T>(fn: () => T, name = 'scope()'): T {
  const mine = new Scope(name, current);
  current = mine;
  let result: T | undefined;
  try {
    result = fn();
  } finally {
    current = mine.parent;
    close(mine, result);
  }
  if (result instanceof Promise) {
    throw new ArgumentError(
      'scope',
      `${name} must not be asynchronous: other code would run inside it at every await. Use \`using\`, dispose() or keep() around awaits`,
    );
  }
  return result;
}

function close(ended: Scope, result: unknown): void {
  mark(result, true, 0);
  releaseChain(ended.newest, null, ended.name);
  mark(result, false, 0);
}

/** Releases the handles from `newest` to the one after `end`; those that escape become the current scope's. */
function releaseChain(newest: Handle | null, end: Handle | null, by: string): void {
  let handle = newest;
  while (handle !== null && handle !== end) {
    const { older } = handle;
    handle.older = null;
    if (handle.releasedBy === '' && !handle.kept) {
      if (handle.escapes) own(handle);
      else releaseHandle(handle, by);
    }
    handle = older;
  }
}

const maxDepth = 16;

/** Says of the handles in a result whether they escape. */
function mark(value: unknown, escapes: boolean, depth: number): void {
  if (value instanceof Handle) value.escapes = escapes;
  else if (typeof value !== 'object' || value === null || depth > maxDepth || ArrayBuffer.isView(value)) return;
  else if (Array.isArray(value)) for (const item of value) mark(item, escapes, depth + 1);
  else if (value instanceof Map) for (const item of value.values()) mark(item, escapes, depth + 1);
  else if (isPlain(value)) for (const item of Object.values(value)) mark(item, escapes, depth + 1);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
