import { formatSpec, sameShape, type Spec } from '../core/shape.js';
import { ArgumentError, describe, GradError } from '../errors.js';
import { alias } from '../ops/movement/alias.js';
import { checkLive } from '../runtime/handle.js';
import { getRngState, setRngState, type RngState } from '../runtime/random.js';
import { scope } from '../runtime/scope.js';
import { save, sourceOf, specOf } from '../tensor/graph.js';
import { enableGrad, isRecording } from '../tensor/mode.js';
import { newestNode, Node, ruleOf, type Thunk } from '../tensor/node.js';
import { Tensor } from '../tensor/tensor.js';
import { consume, targetOf, walk, type Target } from './walk.js';

type Segment = (...inputs: Tensor[]) => Tensor;

/** What a segment reads besides its inputs and what gradients flow to: parameters, tensors of the graph outside. */
interface Outside extends Target {
  readonly spec: Spec;
}

/**
 * fn(...inputs), whose backward pass computes fn again instead of keeping what its ops save: memory for one more forward pass (Chen et al., "Training deep nets
 * with sublinear memory cost", 2016; torch.utils.checkpoint). Gradients reach the inputs and whatever else fn reads, parameters above all; they have the bits
 * that they have without checkpoint, unless an input is used several times inside and outside as well (sums are then added in another order). Random numbers
 * (dropout) are drawn again as they were. fn must compute the same each time: what it changes besides (running statistics) is changed twice. Nests, and can be
 * differentiated again.
 *
 * inputs: tensors of any shape -> fn's result. Throws ArgumentError when an input or the result is no tensor; the backward pass GradError when an input or a
 * parameter was modified in place meanwhile, or when the second result has another shape or dtype.
 */
export function checkpoint(fn: Segment, ...inputs: Tensor[]): Tensor {
  if (typeof fn !== 'function') throw new ArgumentError('checkpoint', `takes a function and its inputs, got ${describe(fn)}`);
  inputs.forEach((x, i) => checkLive('checkpoint', `input ${i}`, x));
  return scope(() => {
    if (!isRecording()) return checked(fn(...inputs));
    const random = getRngState();
    const before = newestNode();
    const own = inputs.map(leafOf);
    const value = alias(checked(fn(...own)));
    const outside = release(value, before, own);
    const out = value.detach();
    if (outside === null) return out;
    const sources = [...inputs.map((x) => ({ source: sourceOf(x), index: x.nodeIndex, spec: specOf(x) })), ...outside];
    const node = new Node(
      ruleOf('checkpoint', ([g], saved) => recompute(fn, random, g as Tensor, saved.slice(0, inputs.length), outside, specOf(out))),
      null,
      sources.map(({ source }) => source),
      sources.map(({ index }) => index),
      sources.map(({ spec }) => spec),
      1,
      [],
    );
    // Parameters are saved too, for the check that they are still what they were.
    const leaves = outside.flatMap(({ source }) => (source instanceof Tensor ? [source] : []));
    node.saved = [...inputs, ...leaves].map(save);
    out.node = node;
    return out;
  }, 'checkpoint()');
}

/** A leaf in the place of x. */
function leafOf(x: Tensor): Tensor {
  const leaf = x.detach();
  leaf.requiresGrad = x.requiresGrad;
  return leaf;
}

function checked(value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  throw new ArgumentError(
    'checkpoint',
    `the function must return a tensor, got ${value instanceof Promise ? 'a promise' : describe(value)}`,
  );
}

/** Releases what the ops behind `value` saved, back to node `before`; what they read from outside, or null when there is nothing to differentiate. */
function release(value: Tensor, before: number, own: readonly Tensor[]): readonly Outside[] | null {
  const outside = new Map<Node | Tensor, Map<number, Outside>>();
  const seen = new Set<Node | Tensor>(own);
  const stack = value.node === null ? [] : [value.node];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const { parents, parentIndex, specs } = node;
    parents.forEach((source, i) => {
      if (source instanceof Node && source.id > before) {
        if (!seen.has(source)) stack.push(source);
        seen.add(source);
      } else if (source !== null && !(source instanceof Tensor && seen.has(source))) {
        const places = outside.get(source) ?? new Map<number, Outside>();
        const [index = 0, spec] = [parentIndex[i], specs[i]];
        if (spec !== undefined) outside.set(source, places.set(index, { source, index, spec }));
      }
    });
    consume(node);
  }
  return value.node === null ? null : [...outside.values()].flatMap((places) => [...places.values()]);
}

/** The segment once more, and backward through it: a cotangent for each input, then for each place outside. */
function recompute(
  fn: Segment,
  random: RngState,
  g: Tensor,
  inputs: readonly Tensor[],
  outside: readonly Outside[],
  spec: Spec,
): readonly (Thunk | null)[] {
  const createGraph = isRecording();
  const after = newestNode();
  const own = inputs.map((x) => (createGraph && x.requiresGrad ? alias(x) : leafOf(x)));
  const value = again(fn, random, own);
  if (!sameShape(value.shape, spec.shape) || value.dtype !== spec.dtype)
    throw new GradError(
      'checkpoint',
      `the function gave ${formatSpec(spec)} in the forward pass and ${formatSpec(value)} in the backward pass`,
    );
  const wanted = own.filter((x) => x.requiresGrad);
  const targets = [...wanted.map(targetOf), ...outside];
  const found = walk([value], [g], targets, () => undefined, { retainGraph: createGraph, createGraph, after });
  const grads = new Map<Tensor, Tensor | null>(wanted.map((x, i) => [x, found[i] ?? null]));
  const each = [...own.map((x) => grads.get(x) ?? null), ...outside.map((_, i) => found[wanted.length + i] ?? null)];
  return each.map((one) => (one === null ? null : () => one));
}

/** fn with the random numbers of the forward pass. */
function again(fn: Segment, random: RngState, inputs: readonly Tensor[]): Tensor {
  const now = getRngState();
  setRngState(random);
  try {
    return enableGrad(() => alias(checked(fn(...inputs))));
  } finally {
    setRngState(now);
  }
}
