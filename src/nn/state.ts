import { formatShape, sameShape } from '../core/shape.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { assign } from '../ops/update/assign.js';
import { scope } from '../runtime/scope.js';
import { Tensor } from '../tensor/tensor.js';

/** Tensors by name, as they stand in a checkpoint. */
export type StateDict = Map<string, Tensor>;

/** What loadStateDict takes: a Map, or a plain object. */
export type StateLike = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

export interface LoadOptions {
  /** Whether every name must be there and no other; true. */
  readonly strict?: boolean;
}

/** Names that a state dict should have had, and those that nobody knows. */
export interface LoadResult {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/** Copies `state` into `own`, by name. Everything is checked before anything is changed. */
export function loadState(op: string, own: ReadonlyMap<string, Tensor>, state: StateLike, { strict = true }: LoadOptions): LoadResult {
  const given = asMap(op, state);
  const missing = [...own.keys()].filter((name) => !given.has(name));
  const unexpected = [...given.keys()].filter((name) => !own.has(name));
  const problems: string[] = [];
  if (strict && missing.length > 0) problems.push(`missing: ${list(missing)}`);
  if (strict && unexpected.length > 0) problems.push(`unexpected: ${list(unexpected)}`);
  for (const [name, target] of own) {
    const source = given.get(name);
    if (source !== undefined && !sameShape(source.shape, target.shape))
      problems.push(`${name} is ${formatShape(source.shape)} in the state and ${formatShape(target.shape)} in the model`);
  }
  if (problems.length > 0) {
    const cure = strict && missing.length + unexpected.length > 0 ? '\nPass { strict: false } to load what has the same name.' : '';
    throw new ShapeError(op, `the state does not fit the model:\n  ${problems.join('\n  ')}${cure}`);
  }
  scope(() => {
    for (const [name, target] of own) {
      const source = given.get(name);
      if (source !== undefined) assign(op, target, source);
    }
  }, op);
  return { missing, unexpected };
}

function asMap(op: string, state: StateLike): ReadonlyMap<string, Tensor> {
  if (typeof state !== 'object' || state === null)
    throw new ArgumentError(op, `state must be a Map or an object of tensors, got ${String(state)}`);
  const map = new Map<string, Tensor>(isMap(state) ? state : Object.entries(state));
  for (const [name, t] of map) if (!(t instanceof Tensor)) throw new ArgumentError(op, `${name} must be a tensor, got ${typeof t}`);
  return map;
}

function isMap(state: StateLike): state is ReadonlyMap<string, Tensor> {
  return state instanceof Map;
}

const shown = 12;

function list(names: readonly string[]): string {
  const rest = names.length > shown ? ` and ${names.length - shown} more` : '';
  return names.slice(0, shown).join(', ') + rest;
}
