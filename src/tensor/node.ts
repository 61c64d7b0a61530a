import type { DType } from '../core/dtype.js';
import type { Shape, Spec } from '../core/shape.js';
import type { Storage } from '../runtime/storage.js';
import type { Tensor } from './tensor.js';

/** A gradient still to be computed: called only if somebody asks for it. */
export type Thunk = () => Tensor;

/** What the backward walk needs of an op, whatever its inputs are called. */
export interface Rule {
  readonly name: string;
  /** Cotangents of the outputs (null: nobody asked) -> one thunk or null for each input, by position. null: not differentiable. */
  readonly pull:
    | ((
        g: readonly (Tensor | null)[],
        saved: readonly Tensor[],
        attrs: unknown,
        specs: readonly Spec[],
        outSpecs: readonly Spec[],
      ) => readonly (Thunk | null)[])
    | null;
  /** For an op whose gradient is that of its output or 0, number by number, as the output says: cotangent, output -> the input's cotangent. Null for others. */
  readonly mask: ((g: Tensor, out: Tensor) => Tensor) | null;
  /**
   * For an op whose numbers are picked from its only input, and whose gradient adds those of g where they were picked: which of the saved tensors is its output,
   * -1 for others. Where the input was made by an op with a mask, the walk applies that to the few numbers of g and passes the op over: the same bits.
   */
  readonly picks: number;
}

export function ruleOf(name: string, pull: Rule['pull'], mask: Rule['mask'] = null, picks = -1): Rule {
  return { name, pull, mask, picks };
}

/** A tensor that the graph owns until the backward pass. It is a claim on the storage, not a handle that a scope could release. */
export interface SavedTensor {
  readonly storage: Storage;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly ownStrides: Shape | null;
  readonly offset: number;
  readonly version: number;
  /** Where its own gradient goes, for higher order. */
  readonly source: Node | Tensor | null;
  readonly index: number;
}

let nodes = 0;

/** The id of the newest node: later ones have larger ids. */
export function newestNode(): number {
  return nodes;
}

/** One recorded op: parents, saved tensors and the rule. It never holds its own outputs, so there is no cycle. */
export class Node {
  // Declared, and set by the constructor, for the reason given in handle.ts.
  /** Grows with creation: parents always have smaller ids. */
  declare readonly id: number;
  declare readonly rule: Rule;
  declare readonly attrs: unknown;
  /** By input: the node that made it, the leaf tensor itself, or null when it needs no gradient. */
  declare readonly parents: readonly (Node | Tensor | null)[];
  /** By input: which output of that node. */
  declare readonly parentIndex: readonly number[];
  declare readonly specs: readonly Spec[];
  /** Number of outputs. */
  declare readonly outputs: number;
  /** Their specs, where the rule reads them. */
  declare readonly outSpecs: readonly Spec[];
  /** Number of the last search through the graph that came by, and its place in it. */
  declare seenBy: number;
  declare place: number;
  /** null once a backward pass consumed it. */
  declare saved: readonly SavedTensor[] | null;

  constructor(
    rule: Rule,
    attrs: unknown,
    parents: readonly (Node | Tensor | null)[],
    parentIndex: readonly number[],
    specs: readonly Spec[],
    outputs: number,
    outSpecs: readonly Spec[],
  ) {
    this.id = ++nodes;
    this.rule = rule;
    this.attrs = attrs;
    this.parents = parents;
    this.parentIndex = parentIndex;
    this.specs = specs;
    this.outputs = outputs;
    this.outSpecs = outSpecs;
    this.seenBy = 0;
    this.place = 0;
    this.saved = null;
  }
}
