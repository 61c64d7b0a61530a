import { GradError, ShapeError } from '../errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import { add } from '../ops/elementwise/add.js';
import { sourceOf, unpack } from '../ops/op.js';
import { sumTo } from '../ops/reduce/sum-to.js';
import { scope } from '../runtime/scope.js';
import { drop } from '../runtime/storage.js';
import { withRecording } from '../tensor/mode.js';
import { Node } from '../tensor/node.js';
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

/** Cotangents that wait for their node or leaf. Each tensor in it is owned by the walk alone. */
class Cotangents {
  private readonly bySource = new Map<Node | Tensor, (Tensor | null)[]>();

  take(source: Node | Tensor, index: number): Tensor | null {
    const list = this.bySource.get(source);
    const g = list?.[index] ?? null;
    if (list !== undefined) list[index] = null;
    return g;
  }

  takeAll(node: Node): (Tensor | null)[] {
    const list = this.bySource.get(node) ?? nothing(node);
    this.bySource.delete(node);
    return list;
  }

  /** Adds to what is there; `g` becomes the walk's. */
  give(source: Node | Tensor, index: number, g: Tensor): void {
    let list = this.bySource.get(source);
    if (list === undefined) this.bySource.set(source, (list = nothing(source)));
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

/** No cotangent for each output of a node; a leaf has one. */
function nothing(source: Node | Tensor): (Tensor | null)[] {
  return source instanceof Node && source.outSpecs.length > 1 ? source.outSpecs.map(() => null) : [null];
}

/**
 * The reverse walk. Visits every recorded op between `outputs` and the targets once, newest first; calls each rule for the inputs that lead to a target; sums
 * over broadcast axes; adds cotangents. With `targets`, returns their gradients (null where nothing flows); without, hands each leaf's gradient to `arrive`.
 */
export function walk(
  outputs: readonly Tensor[],
  seeds: readonly Tensor[],
  targets: readonly Target[] | null,
  arrive: (leaf: Tensor, g: Tensor) => void,
  options: WalkOptions,
): (Tensor | null)[] {
  return withRecording(options.createGraph, () =>
    scope(() => {
      const wanted = targets === null ? null : new Set<Node | Tensor>(targets.map((t) => t.source));
      const order = reachable(outputs, wanted, options.after ?? 0);
      const cotangents = new Cotangents();
      const captured = new Map<Node, (Tensor | null)[]>();
      outputs.forEach((t, i) => {
        const source = sourceOf(t);
        if (source !== null) cotangents.give(source, t.nodeIndex, shareGradient(seeds[i] as Tensor));
      });
      for (const node of order.nodes) {
        const g = cotangents.takeAll(node);
        const isTarget = wanted?.has(node) === true;
        if (isTarget) captured.set(node, g);
        if (g.some((one) => one !== null)) visit(node, g, order.leads, cotangents);
        if (!options.retainGraph) consume(node);
        if (!isTarget) g.forEach((one) => one?.dispose());
      }
      if (targets === null) {
        for (const leaf of order.leaves) {
          const g = cotangents.take(leaf, 0);
          if (g !== null) arrive(leaf, g);
        }
        return [];
      }
      const taken = new Map<Tensor, Tensor | null>();
      const given = new Set<Tensor>();
      return targets.map(({ source, index }) => {
        if (source instanceof Tensor && !taken.has(source)) taken.set(source, cotangents.take(source, 0));
        if (source instanceof Node && !captured.has(source)) captured.set(source, cotangents.takeAll(source));
        const g = source instanceof Node ? captured.get(source)?.[index] : taken.get(source);
        if (g === null || g === undefined) return null;
        // A target named twice gets a handle of its own each time.
        if (given.has(g)) return shareGradient(g);
        given.add(g);
        return g;
      });
    }, 'backward()'),
  );
}

interface Order {
  /** Newest first. */
  readonly nodes: readonly Node[];
  readonly leaves: readonly Tensor[];
  /** Whether a node or a leaf leads to a target. */
  readonly leads: (source: Node | Tensor | null) => source is Node | Tensor;
}

/** Each search for what is reachable has a number, which it leaves on what it has seen. */
let searches = 0;

/** Everything reachable from `outputs`, newest node first, with what lies on a way to a wanted place (null: everything is wanted). Iterative: graphs are deep. */
function reachable(outputs: readonly Tensor[], wanted: ReadonlySet<Node | Tensor> | null, after: number): Order {
  const search = ++searches;
  const nodes: Node[] = [];
  const leaves: Tensor[] = [];
  const leading = new Set<Node | Tensor>();
  const stack: (Node | Tensor | null)[] = outputs.map(sourceOf);
  while (stack.length > 0) {
    const source = stack.pop() ?? null;
    if (source === null || source.seenBy === search) continue;
    source.seenBy = search;
    if (wanted?.has(source) === true) leading.add(source);
    if (source instanceof Tensor) leaves.push(source);
    else if (source.id > after) {
      nodes.push(source);
      for (const parent of source.parents) if (parent !== null && parent.seenBy !== search) stack.push(parent);
    }
  }
  if (!isNewestFirst(nodes)) nodes.sort((a, b) => b.id - a.id);
  if (wanted === null) return { nodes, leaves, leads: isSource };
  for (const node of [...nodes].reverse()) if (node.parents.some((parent) => parent !== null && leading.has(parent))) leading.add(node);
  const leads = (source: Node | Tensor | null): source is Node | Tensor => source !== null && leading.has(source);
  return { nodes: nodes.filter(leads), leaves, leads };
}

function isSource(source: Node | Tensor | null): source is Node | Tensor {
  return source !== null;
}

function isNewestFirst(nodes: readonly Node[]): boolean {
  return nodes.every((node, i) => node.id <= (nodes[i - 1]?.id ?? Infinity));
}

/** Calls one rule and passes its results on to the parents. */
function visit(node: Node, g: readonly (Tensor | null)[], leads: Order['leads'], cotangents: Cotangents): void {
  const { rule, parents } = node;
  if (!parents.some(leads)) return;
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
  // The results leave the scope under the walk's ownership; what the rule made on the way is released here.
  const results = scope(() => {
    const handles = saved.map((one) => unpack(one, rule.name));
    const thunks = pull(g, handles, node.attrs, node.specs, node.outSpecs);
    const found = new Array<Tensor | null>(parents.length);
    for (let i = 0; i < parents.length; i++) {
      const thunk = thunks[i] ?? null;
      const { shape } = node.specs[i] as { shape: readonly number[] };
      found[i] =
        thunk === null || !leads(parents[i] ?? null) ? null : shareGradient(sumTo(checkedGradient(rule.name, thunk(), shape), shape));
    }
    return found;
  }, `the gradient of ${rule.name}`);
  for (let i = 0; i < parents.length; i++) {
    const [parent, result] = [parents[i] ?? null, results[i] ?? null];
    if (parent !== null && result !== null) cotangents.give(parent, node.parentIndex[i] as number, result);
  }
}

/** A rule's result must broadcast-reduce to the input's shape: trailing axes equal, or 1 in the input. */
function checkedGradient(op: string, g: Tensor, shape: readonly number[]): Tensor {
  const lead = g.shape.length - shape.length;
  if (lead < 0 || shape.some((n, i) => n !== 1 && n !== g.shape[i + lead])) {
    throw new ShapeError(op, `its gradient rule returned ${formatShape(g.shape)} for an input of shape ${formatShape(shape)}`);
  }
  return g;
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
