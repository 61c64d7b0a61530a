import { isFloating } from '../core/dtype.js';
import type { Spec } from '../core/shape.js';
import { GradError } from '../errors.js';
import { isRecording } from './mode.js';
import { Node, ruleOf, type Rule, type SavedTensor } from './node.js';
import { Tensor, viewHandle } from './tensor.js';

// How a computation becomes a node of the graph, and what it holds of its inputs and results.

/** Of the outputs, for rules that do not read them. */
export const noSpecs: readonly Spec[] = [];

/** parentIndex of nodes whose inputs are all leaves or first outputs, by the number of inputs: nearly all are, and a list of each one's own is a tenth of recording. */
const firstOutputs: readonly (readonly number[])[] = Array.from({ length: 9 }, (_, count) => new Array<number>(count).fill(0));

/** Records an op; its outputs are still to be connected. */
export function newNode(rule: Rule, attrs: unknown, inputs: readonly Tensor[], outputs: number, outSpecs: readonly Spec[]): Node {
  // Loops, not map: this is a third of what recording a small op costs.
  const parents = new Array<Node | Tensor | null>(inputs.length);
  const specs = new Array<Spec>(inputs.length);
  let first = inputs.length < firstOutputs.length;
  for (let i = 0; i < inputs.length; i++) {
    const t = inputs[i] as Tensor;
    parents[i] = sourceOf(t);
    specs[i] = specOf(t);
    if (t.nodeIndex !== 0) first = false;
  }
  const parentIndex = first ? (firstOutputs[inputs.length] as readonly number[]) : inputs.map((t) => t.nodeIndex);
  return new Node(rule, attrs, parents, parentIndex, specs, outputs, outSpecs);
}

/** Records an op: its floating outputs become parts of the graph. `outSpecs` for rules that read them. */
export function connect(rule: Rule, attrs: unknown, inputs: readonly Tensor[], outs: readonly Tensor[], outSpecs = noSpecs): Node {
  const node = newNode(rule, attrs, inputs, outs.length, outSpecs);
  for (let i = 0; i < outs.length; i++) {
    const out = outs[i] as Tensor;
    if (!isFloating(out.dtype)) continue;
    out.node = node;
    out.nodeIndex = i;
  }
  return node;
}

/**
 * Records a computation that no op describes (customGrad) as the origin of `out`. Inputs and result are saved for `pull`: cotangent, [...inputs, out], the inputs'
 * specs -> a cotangent or null for each input.
 */
export function record(
  name: string,
  inputs: readonly Tensor[],
  out: Tensor,
  pull: (g: Tensor, saved: readonly Tensor[], specs: readonly Spec[]) => readonly (Tensor | null)[],
): void {
  if (!isRecording() || !isFloating(out.dtype) || !inputs.some((x) => x.requiresGrad)) return;
  const rule = ruleOf(name, (g, saved, _attrs, specs) => pull(g[0] as Tensor, saved, specs).map((one) => one && (() => one)));
  const node = connect(rule, null, inputs, [out]);
  node.saved = [...inputs, out].map(save);
}

/** Where a tensor's gradient goes: the node that made it, or the leaf itself. */
export function sourceOf(t: Tensor): Node | Tensor | null {
  return t.node ?? t.leaf ?? (t.requiresGrad ? t : null);
}

/** Shape and dtype alone: a node must not hold its inputs. Made once for each tensor, for parameters are in every step's graph. */
export function specOf(t: Tensor): Spec {
  return (t.spec ??= { shape: t.shape, dtype: t.dtype });
}

/** A claim on t, for a node. */
export function save(t: Tensor): SavedTensor {
  t.storage.refs++;
  const { storage, dtype, shape, ownStrides, offset } = t;
  return { storage, dtype, shape, ownStrides, offset, version: storage.version, source: sourceOf(t), index: t.nodeIndex };
}

/** A handle on a saved tensor, connected to the graph as the original was. Throws GradError if it was modified in place since. */
export function unpack(saved: SavedTensor, op: string): Tensor {
  if (saved.storage.version !== saved.version) {
    throw new GradError(
      op,
      `a tensor [${saved.shape.join(',')}] that its gradient needs was modified in place after the forward pass; call backward() before optimizer.step() or other in-place changes`,
    );
  }
  const t = viewHandle(saved, saved.shape, saved.ownStrides, saved.offset);
  if (saved.source instanceof Tensor) t.leaf = saved.source;
  else t.node = saved.source;
  t.nodeIndex = saved.index;
  return t;
}
