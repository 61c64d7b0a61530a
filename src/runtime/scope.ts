import { ArgumentError } from '../errors.js';
import { Handle } from './handle.js';
import { drop, track } from './storage.js';

/**
 * Who owns a tensor. Inside a scope: the scope, which releases it at its end unless it is returned or kept. Outside: whoever can reach it.
 */
class Scope {
  readonly name: string;
  readonly handles: Handle[] = [];
  readonly parent: Scope | undefined;
  constructor(name: string, parent: Scope | undefined) {
    this.name = name;
    this.parent = parent;
  }
}

let current: Scope | undefined;

/** Gives a new handle its owner: called once for each. */
export function own(handle: Handle): void {
  if (current !== undefined) current.handles.push(handle);
  else track(handle.storage);
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
  const escaping: Handle[] = [];
  collect(result, escaping, 0);
  for (const handle of escaping) handle.escapes = true;
  for (const handle of ended.handles) {
    if (handle.releasedBy !== '' || handle.kept) continue;
    if (!handle.escapes) releaseHandle(handle, ended.name);
    else own(handle);
  }
  for (const handle of escaping) handle.escapes = false;
}

const maxDepth = 16;

/** The handles in a result. */
function collect(value: unknown, into: Handle[], depth: number): void {
  if (value instanceof Handle) into.push(value);
  else if (typeof value !== 'object' || value === null || depth > maxDepth || ArrayBuffer.isView(value)) return;
  else if (Array.isArray(value)) for (const item of value) collect(item, into, depth + 1);
  else if (value instanceof Map) for (const item of value.values()) collect(item, into, depth + 1);
  else if (isPlain(value)) for (const item of Object.values(value)) collect(item, into, depth + 1);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
