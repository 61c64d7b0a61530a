import { GradError, ShapeError } from '../errors.js';
import { formatShape, sameShape, type Spec } from '../core/shape.js';
import { add } from '../ops/elementwise/add.js';
import { sumTo } from '../ops/reduce/sum-to.js';
import type { Handle } from '../runtime/handle.js';
import { newestOwned, releaseSince } from '../runtime/scope.js';
import { drop } from '../runtime/storage.js';
import { sourceOf, unpack } from '../tensor/graph.js';
import { setRecording } from '../tensor/mode.js';
import { Node, type SavedTensor } from '../tensor/node.js';
import { shareHandle, Tensor } from '../tensor/tensor.js';

export interface WalkOptions {
  /** Keep what the graph saved, for another backward pass. */
  readonly retainGraph: boolean;
  /** Record the backward pass itself, for higher order. */
  readonly createGraph: boolean;
  /** Nodes up to this id are not entered: to the walk they are places where a gradient may be wanted, no more. */
  readonly after?: number;
}

/** A place where a gradient is wanted: a leaf, or one output of a node. */
export interface Target {
  readonly source: Node | Tensor;
  readonly index: number;
}

export function targetOf(t: Tensor): Target {
  const source = sourceOf(t);
  if (source === null) throw new GradError('grad', `x ${formatShape(t.shape)} does not require a gradient; set requiresGrad first`);
  return { source, index: t.nodeIndex };
}

/** Cotangents that wait for their node or leaf, by its place in the search. Each tensor in it is owned by the walk alone. */
class Cotangents {
  declare private readonly waiting: ((Tensor | null)[] | null)[];

  constructor(places: number) {
    this.waiting = new Array<(Tensor | null)[] | null>(places);
    for (let i = 0; i < places; i++) this.waiting[i] = null; // fill() would be a call out of compiled code
  }

  /** What has come for each output of a source; null when nothing has. */
  at(place: number): (Tensor | null)[] | null {
    return this.waiting[place] ?? null;
  }

  /** Adds to what is there; `g` becomes the walk's. */
  give(place: number, index: number, g: Tensor): void {
    const list = this.waiting[place] ?? null;
    if (list === null) {
      this.waiting[place] = index === 0 ? [g] : [...new Array<null>(index).fill(null), g];
      return;
    }
    while (list.length <= index) list.push(null);
    const before = list[index] ?? null;
    if (before === null) {
      list[index] = g;
      return;
    }
    list[index] = add(before, g);
    before.dispose();
    g.dispose();
  }
}

/**
 * The reverse walk. Visits every recorded op between `outputs` and the targets once, newest first; calls each rule for the inputs that lead to a target; sums
 * over broadcast axes; adds cotangents. With `targets`, returns their gradients (null where nothing flows); without, hands each leaf's gradient to `arrive`.
 * Callers open a scope, which owns the gradients.
 */
export function walk(
  outputs: readonly Tensor[],
  seeds: readonly Tensor[],
  targets: readonly Target[] | null,
  arrive: (leaf: Tensor, g: Tensor) => void,
  options: WalkOptions,
): (Tensor | null)[] {
  // No function within a function: V8 makes it anew, and calls it the slow way, in each walk.
  const before = setRecording(options.createGraph);
  try {
    return propagate(outputs, seeds, targets, arrive, options);
  } finally {
    setRecording(before);
  }
}

function propagate(
  outputs: readonly Tensor[],
  seeds: readonly Tensor[],
  targets: readonly Target[] | null,
  arrive: (leaf: Tensor, g: Tensor) => void,
  options: WalkOptions,
): (Tensor | null)[] {
  const { steps, leaves, places, targetPlaces, count } = reachable(outputs, targets, options.after ?? 0);
  const cotangents = new Cotangents(count);
  for (let i = 0; i < outputs.length; i++) {
    const place = places[i] as number;
    if (place >= 0) cotangents.give(place, (outputs[i] as Tensor).nodeIndex, ownGradient(seeds[i] as Tensor, null));
  }
  for (const step of steps) {
    const g = cotangents.at(step.place);
    if (g !== null) visit(step, g, cotangents);
    if (!options.retainGraph) consume(step.node);
    if (g !== null && !step.isTarget) for (const one of g) one?.dispose();
  }
  if (targets === null) {
    for (const { leaf, place } of leaves) {
      const g = cotangents.at(place)?.[0] ?? null;
      if (g !== null) arrive(leaf, g);
    }
    return [];
  }
  const given = new Set<Tensor>();
  return targets.map(({ index }, i) => {
    const place = targetPlaces[i] as number;
    const g = place < 0 ? null : (cotangents.at(place)?.[index] ?? null);
    if (g === null) return null;
    // A target named twice gets a handle of its own each time.
    if (given.has(g)) return shareGradient(g);
    given.add(g);
    return g;
  });
}

/** A node to be visited. Places are looked up before the first rule is called: a rule may walk itself, over the same leaves. */
interface Step {
  readonly node: Node;
  readonly place: number;
  /** By parent: the place where its cotangent goes, -1 when it does not lead to a target. */
  readonly routes: readonly number[];
  /** Whether any of them does. */
  readonly leads: boolean;
  /** The parent that is passed over, its mask being applied to what the node picked of it (see Rule). */
  readonly passed: Node | null;
  readonly isTarget: boolean;
}

interface Order {
  /** Newest first. */
  readonly steps: readonly Step[];
  readonly leaves: readonly { readonly leaf: Tensor; readonly place: number }[];
  /** By output, -1 for one without a graph. */
  readonly places: readonly number[];
  /** By target, -1 for one that no output leads to. */
  readonly targetPlaces: readonly number[];
  /** Of places. */
  readonly count: number;
}

/** Each search for what is reachable has a number, which it leaves on what it has seen. */
let searches = 0;

/** No source leads anywhere in particular: all gradients are wanted. A set costs as much to make as a visit of a node. */
const none = new Set<Node | Tensor>();

/** Everything reachable from `outputs`, newest node first, that lies on a way to a target (null: everything does). Iterative: graphs are deep. */
function reachable(outputs: readonly Tensor[], targets: readonly Target[] | null, after: number): Order {
  const search = ++searches;
  const wanted = targets === null ? null : new Set<Node | Tensor>(targets.map((t) => t.source));
  const nodes: Node[] = [];
  const leaves: { leaf: Tensor; place: number }[] = [];
  const leading = wanted === null ? none : new Set<Node | Tensor>();
  const stack: (Node | Tensor | null)[] = [];
  for (let i = 0; i < outputs.length; i++) stack.push(sourceOf(outputs[i] as Tensor));
  let seen = 0;
  while (stack.length > 0) {
    const source = stack.pop() ?? null;
    if (source === null || source.seenBy === search) continue;
    source.seenBy = search;
    source.place = seen++;
    if (wanted?.has(source) === true) leading.add(source);
    if (source instanceof Tensor) leaves.push({ leaf: source, place: source.place });
    else if (source.id > after) {
      nodes.push(source);
      for (const parent of source.parents) if (parent !== null && parent.seenBy !== search) stack.push(parent);
    }
  }
  if (!isNewestFirst(nodes)) nodes.sort((a, b) => b.id - a.id);
  if (wanted !== null) {
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i] as Node;
      if (node.parents.some((parent) => parent !== null && leading.has(parent))) leading.add(node);
    }
  }
  const visited = wanted === null ? nodes : nodes.filter((node) => leading.has(node));
  const steps = new Array<Step>(visited.length);
  for (let s = 0; s < visited.length; s++) {
    const node = visited[s] as Node;
    const { parents } = node;
    const routes = new Array<number>(parents.length);
    const origin = node.rule.picks < 0 ? null : (parents[0] ?? null);
    const passes = origin instanceof Node && origin.rule.mask !== null && origin.id > after && wanted?.has(origin) !== true;
    const passed = passes ? origin : null;
    let leads = false;
    for (let i = 0; i < parents.length; i++) {
      const parent = (passed ?? node).parents[i] ?? null;
      const place = parent === null || (wanted !== null && !leading.has(parent)) ? -1 : placeOf(parent, search);
      routes[i] = place;
      if (place >= 0) leads = true;
    }
    steps[s] = { node, place: node.place, routes, leads, passed, isTarget: wanted?.has(node) === true };
  }
  const targetPlaces = targets === null ? [] : targets.map((t) => placeOf(t.source, search));
  const places = new Array<number>(outputs.length);
  for (let i = 0; i < outputs.length; i++) places[i] = placeOf(sourceOf(outputs[i] as Tensor), search);
  return { steps, leaves, places, targetPlaces, count: seen };
}

function placeOf(source: Node | Tensor | null, search: number): number {
  return source !== null && source.seenBy === search ? source.place : -1;
}

function isNewestFirst(nodes: readonly Node[]): boolean {
  for (let i = 1; i < nodes.length; i++) if ((nodes[i] as Node).id > (nodes[i - 1] as Node).id) return false;
  return true;
}

/** Calls one rule and passes its results on to the parents. */
function visit({ node, routes, leads, passed }: Step, g: (Tensor | null)[], cotangents: Cotangents): void {
  const { rule } = node;
  if (!leads) return;
  if (rule.pull === null)
    throw new GradError(
      rule.name,
      `${rule.name} is not differentiable; use detach() on its input if no gradient is meant to flow through it`,
    );
  if (node.saved === null) {
    throw new GradError(
      rule.name,
      'backward() already went through this graph and released what it had saved; pass { retainGraph: true } to the first call to go twice',
    );
  }
  const { pull } = rule;
  const { saved } = node;
  while (g.length < node.outputs) g.push(null);
  // What the rule makes on the way is released, the results stay with the scope around: the walk's.
  const before = newestOwned();
  const handles = new Array<Tensor>(saved.length);
  for (let i = 0; i < saved.length; i++) handles[i] = unpack(saved[i] as SavedTensor, rule.name);
  if (passed?.rule.mask) g = [passed.rule.mask(g[0] as Tensor, handles[node.rule.picks] as Tensor)];
  const thunks = pull(g, handles, node.attrs, node.specs, node.outSpecs);
  const results = new Array<Tensor | null>(routes.length);
  for (let i = 0; i < routes.length; i++) {
    const thunk = (routes[i] as number) < 0 ? null : (thunks[i] ?? null);
    if (thunk === null) {
      results[i] = null;
      continue;
    }
    const { shape } = node.specs[i] as Spec;
    const result = sumTo(checkedGradient(rule.name, thunk(), shape), shape);
    results[i] = results.includes(result) ? shareGradient(result) : ownGradient(result, before);
  }
  releaseBut(results, before, `the gradient of ${rule.name}`);
  for (let i = 0; i < routes.length; i++) {
    const result = results[i] ?? null;
    if (result !== null) cotangents.give(routes[i] as number, (passed ?? node).parentIndex[i] as number, result);
  }
}

/** Releases what the scope has come to own since `before`, except `results`. */
function releaseBut(results: readonly (Tensor | null)[], before: Handle | null, by: string): void {
  for (let i = 0; i < results.length; i++) {
    const result = results[i] ?? null;
    if (result !== null) result.escapes = true;
  }
  releaseSince(before, by);
  for (let i = 0; i < results.length; i++) {
    const result = results[i] ?? null;
    if (result !== null) result.escapes = false;
  }
}

/** A rule's result must broadcast-reduce to the input's shape: trailing axes equal, or 1 in the input. */
function checkedGradient(op: string, g: Tensor, shape: readonly number[]): Tensor {
  const lead = g.shape.length - shape.length;
  let fits = lead >= 0;
  for (let i = 0; i < shape.length && fits; i++) fits = shape[i] === 1 || shape[i] === g.shape[i + lead];
  if (!fits) {
    throw new ShapeError(op, `its gradient rule returned ${formatShape(g.shape)} for an input of shape ${formatShape(shape)}`);
  }
  return g;
}

/** g itself where nobody else can hold it: its scope made it last, after `before`. Else a handle of its own. */
function ownGradient(g: Tensor, before: Handle | null): Tensor {
  return g !== before && g === newestOwned() && !g.kept ? g : shareGradient(g);
}

/** A handle of its own on g, so that one tensor can be passed to several parents and be disposed by each. */
function shareGradient(g: Tensor): Tensor {
  const own = shareHandle(g);
  own.node = g.node;
  own.nodeIndex = g.nodeIndex;
  own.leaf = sourceOf(g) instanceof Tensor ? (g.leaf ?? g) : null;
  return own;
}

/** Releases what a node saved. */
export function consume(node: Node): void {
  if (node.saved === null) return;
  for (const { storage } of node.saved) drop(storage);
  node.saved = null;
}

/** The default seed: ones of the output's shape; only a scalar has one. */
export function checkSeed(op: string, output: Tensor, seed: Tensor | undefined): void {
  if (seed === undefined) {
    if (output.size !== 1)
      throw new GradError(
        op,
        `the output ${formatShape(output.shape)} is not a scalar; reduce it (sum, mean) or pass a gradient of its shape`,
      );
    return;
  }
  if (!sameShape(seed.shape, output.shape))
    throw new ShapeError(op, `gradient ${formatShape(seed.shape)} does not have the output's shape ${formatShape(output.shape)}`);
}
