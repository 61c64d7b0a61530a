import { isFloating } from '../core/dtype.js';
import type { Shape, Spec } from '../core/shape.js';
import { checkLive } from '../runtime/handle.js';
import { connect, newNode, noSpecs, save, specOf } from '../tensor/graph.js';
import { isRecording } from '../tensor/mode.js';
import { ruleOf, type Rule, type SavedTensor, type Thunk } from '../tensor/node.js';
import { emptyTensor, viewHandle, type Tensor } from '../tensor/tensor.js';
import { widened } from './halves.js';

/**
 * An op is data: shape rule, kernel call, what the gradient rule may read, and the rule, side by side. `docs/adding-an-op.md` walks through one.
 *
 * In: names of the inputs. Attrs: plain data for the kernel. Saved: which inputs (or "out") the rule reads; anything else does not compile. mask, picks: see Rule.
 */
export interface OpSpec<In extends string, Attrs, Saved extends In | 'out'> {
  readonly name: string;
  readonly inputs: readonly In[];
  /** Shape and dtype of the result; throws on inputs that do not fit. */
  readonly infer: (x: Record<In, Spec>, attrs: Attrs) => Spec;
  /** Calls the kernel. `out` is new and unset. */
  readonly forward: (x: Record<In, Tensor>, out: Tensor, attrs: Attrs) => void;
  readonly saves: readonly Saved[];
  /** Cotangent of the result -> a thunk for each input (null: that input has no gradient). null: the op is not differentiable. Rules never undo broadcasting: the walk sums. `specs` are there for rules that declare four parameters. */
  readonly vjp: ((g: Tensor, saved: Record<Saved, Tensor>, attrs: Attrs, specs: Record<In, Spec>) => Record<In, Thunk | null>) | null;
  readonly mask?: Rule['mask'];
}

/** As OpSpec, for ops with several results. g has null where nobody asked. */
export interface MultiOpSpec<In extends string, Out extends string, Attrs, Saved extends In | Out> {
  readonly name: string;
  readonly inputs: readonly In[];
  readonly outputs: readonly Out[];
  readonly infer: (x: Record<In, Spec>, attrs: Attrs) => Record<Out, Spec>;
  readonly forward: (x: Record<In, Tensor>, out: Record<Out, Tensor>, attrs: Attrs) => void;
  readonly saves: readonly Saved[];
  readonly vjp:
    | ((g: Record<Out, Tensor | null>, saved: Record<Saved, Tensor>, attrs: Attrs, specs: Record<In, Spec>) => Record<In, Thunk | null>)
    | null;
  readonly picks?: Out & Saved;
}

/** A window on the input's memory: a view op's whole forward. */
export interface Window {
  readonly shape: Shape;
  /** null for those of row-major order. */
  readonly strides: Shape | null;
  readonly offset: number;
}

/** An op that copies nothing: its result shares the input's memory. */
export interface ViewSpec<Attrs> {
  readonly name: string;
  readonly view: (x: Tensor, attrs: Attrs) => Window;
  /** Cotangent of the view -> cotangent of x, which has spec.shape. */
  readonly vjp: (g: Tensor, attrs: Attrs, spec: Spec) => Tensor;
}

/** An op whose results are several windows on its input's memory (split). */
export interface ViewsSpec<Attrs> {
  readonly name: string;
  readonly views: (x: Tensor, attrs: Attrs) => readonly Window[];
  /** Cotangents of the views, null where nobody asked, and the views' specs -> cotangent of x. */
  readonly vjp: (g: readonly (Tensor | null)[], attrs: Attrs, outSpecs: readonly Spec[]) => Tensor;
}

/** An op of a variable number of inputs (cat, stack). */
export interface ListOpSpec<Attrs> {
  readonly name: string;
  readonly infer: (xs: readonly Spec[], attrs: Attrs) => Spec;
  readonly forward: (xs: readonly Tensor[], out: Tensor, attrs: Attrs) => void;
  readonly vjp: ((g: Tensor, attrs: Attrs, specs: readonly Spec[]) => readonly Thunk[]) | null;
}

export interface Op<In extends string, Attrs> {
  readonly name: string;
  readonly inputs: readonly In[];
  readonly apply: (x: Record<In, Tensor>, attrs: Attrs) => Tensor;
  readonly differentiable: boolean;
}

export interface MultiOp<In extends string, Out extends string, Attrs> {
  readonly name: string;
  readonly inputs: readonly In[];
  readonly outputs: readonly Out[];
  readonly apply: (x: Record<In, Tensor>, attrs: Attrs) => Record<Out, Tensor>;
  readonly differentiable: boolean;
}

export interface ViewOp<Attrs> {
  readonly name: string;
  readonly apply: (x: Tensor, attrs: Attrs) => Tensor;
  readonly differentiable: true;
}

export interface ViewsOp<Attrs> {
  readonly name: string;
  readonly apply: (x: Tensor, attrs: Attrs) => Tensor[];
}

export interface ListOp<Attrs> {
  readonly name: string;
  readonly apply: (xs: readonly Tensor[], attrs: Attrs) => Tensor;
  readonly differentiable: boolean;
}

/** What the op table, the docs and the contract test know of every op defined. */
export interface OpInfo {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly saves: readonly string[];
  readonly differentiable: boolean;
}
const defined = new Map<string, OpInfo>();

function register(info: OpInfo): void {
  if (defined.has(info.name)) throw new Error(`op ${info.name} is defined twice`);
  defined.set(info.name, info);
}

/** Every op defined so far, in order of definition. */
export function definedOps(): readonly OpInfo[] {
  return [...defined.values()];
}

/** Runs an op: `apply(geluOp, { x }, {})`. */
export function apply<In extends string, Attrs>(op: Op<In, Attrs>, x: Record<In, Tensor>, attrs: Attrs): Tensor {
  return op.apply(x, attrs);
}

/** Runs an op with several results. */
export function applyMulti<In extends string, Out extends string, Attrs>(
  op: MultiOp<In, Out, Attrs>,
  x: Record<In, Tensor>,
  attrs: Attrs,
): Record<Out, Tensor> {
  return op.apply(x, attrs);
}

/** Defines an op with one result. */
export function defineOp<In extends string, Attrs, Saved extends In | 'out'>(spec: OpSpec<In, Attrs, Saved>): Op<In, Attrs> {
  const { name, inputs, infer, forward, saves, vjp } = spec;
  // Few rules ask for specs, and to name them costs as much as a small rule.
  const readsSpecs = vjp !== null && vjp.length > 3;
  const unnamed = named<In, Spec>([], []);
  register({ name, inputs, saves, differentiable: vjp !== null });
  const pull: Rule['pull'] =
    vjp === null
      ? null
      : (g, saved, attrs, specs) => {
          const asked = readsSpecs ? named(inputs, specs) : unnamed;
          return listed(inputs, vjp(g[0] as Tensor, named(saves, saved), attrs as Attrs, asked));
        };
  const rule = ruleOf(name, pull, spec.mask);
  // What is rare has a function of its own: V8 inlines so many bytes and no more, and the making of the result is to be among them.
  const retry = (error: unknown, x: Record<In, Tensor>, out: Tensor, attrs: Attrs): void => {
    widened(error, listed(inputs, x), [out], (ins, outs) => forward(named(inputs, ins), outs[0] as Tensor, attrs));
  };
  const remember = (x: Record<In, Tensor>, out: Tensor, attrs: Attrs): void => {
    const node = newNode(rule, attrs, listed(inputs, x), 1, noSpecs);
    out.node = node;
    node.saved = saves.length === 0 ? nothingSaved : saves.map((key) => save(key === 'out' && !(key in x) ? out : x[key as In]));
  };
  const run = (x: Record<In, Tensor>, attrs: Attrs): Tensor => {
    let tracked = false;
    // V8 reads what it enumerates from where it lies. By names from a list each would be a search, for this code is compiled once for all ops.
    for (const key in x) {
      const t = x[key];
      checkLive(name, key, t);
      if (t.requiresGrad) tracked = true;
    }
    const { shape, dtype } = infer(x, attrs);
    const out = emptyTensor(shape, dtype);
    if (out.storage.bytes > 0) {
      try {
        forward(x, out, attrs);
      } catch (error) {
        retry(error, x, out, attrs);
      }
    }
    if (tracked && isRecording() && isFloating(dtype)) remember(x, out, attrs);
    return out;
  };
  return { name, inputs, apply: run, differentiable: vjp !== null };
}

/** Defines an op with several results. */
export function defineMultiOp<In extends string, Out extends string, Attrs, Saved extends In | Out>(
  spec: MultiOpSpec<In, Out, Attrs, Saved>,
): MultiOp<In, Out, Attrs> {
  const { name, inputs, outputs, infer, forward, saves, vjp } = spec;
  register({ name, inputs, saves, differentiable: vjp !== null });
  const pull: Rule['pull'] =
    vjp === null
      ? null
      : (g, saved, attrs, specs) => {
          const thunks = vjp(named(outputs, g), named(saves, saved), attrs as Attrs, named(inputs, specs));
          return listed(inputs, thunks);
        };
  const rule = ruleOf(name, pull, null, spec.picks === undefined ? -1 : saves.indexOf(spec.picks));
  const run = (x: Record<In, Tensor>, attrs: Attrs): Record<Out, Tensor> => {
    let tracked = false;
    for (const key of inputs) {
      checkLive(name, key, x[key]);
      if (x[key].requiresGrad) tracked = true;
    }
    const specs = infer(x, attrs);
    const outs = outputs.map((key) => emptyTensor(specs[key].shape, specs[key].dtype));
    const out = named(outputs, outs);
    if (outs.some((t) => t.size > 0)) {
      try {
        forward(x, out, attrs);
      } catch (error) {
        widened(error, listed(inputs, x), outs, (ins, wide) => forward(named(inputs, ins), named(outputs, wide), attrs));
      }
    }
    if (tracked && isRecording()) {
      const node = connect(rule, attrs, listed(inputs, x), outs);
      node.saved = saves.map((key) => save((outputs as readonly string[]).includes(key) ? out[key as Out] : x[key as In]));
    }
    return out;
  };
  return { name, inputs, outputs, apply: run, differentiable: vjp !== null };
}

/** Defines an op whose result is a window on its input's memory. */
export function defineView<Attrs>(spec: ViewSpec<Attrs>): ViewOp<Attrs> {
  const { name, view, vjp } = spec;
  register({ name, inputs: ['x'], saves: [], differentiable: true });
  const rule = ruleOf(name, (g, _saved, attrs, specs) => [() => vjp(g[0] as Tensor, attrs as Attrs, specs[0] as Spec)]);
  const run = (x: Tensor, attrs: Attrs): Tensor => {
    checkLive(name, 'x', x);
    const { shape, strides, offset } = view(x, attrs);
    const out = viewHandle(x, shape, strides, offset);
    if (x.requiresGrad && isRecording()) connect(rule, attrs, [x], [out]).saved = [];
    return out;
  };
  return { name, apply: run, differentiable: true };
}

/** Defines an op whose results are windows on its input's memory, with one gradient rule for all of them. */
export function defineViews<Attrs>(spec: ViewsSpec<Attrs>): ViewsOp<Attrs> {
  const { name, views, vjp } = spec;
  register({ name, inputs: ['x'], saves: [], differentiable: true });
  const rule = ruleOf(name, (g, _saved, attrs, _specs, outSpecs) => [() => vjp(g, attrs as Attrs, outSpecs)]);
  const run = (x: Tensor, attrs: Attrs): Tensor[] => {
    checkLive(name, 'x', x);
    const outs = views(x, attrs).map(({ shape, strides, offset }) => viewHandle(x, shape, strides, offset));
    if (x.requiresGrad && isRecording()) connect(rule, attrs, [x], outs, outs.map(specOf)).saved = [];
    return outs;
  };
  return { name, apply: run };
}

/** Defines an op of any number of inputs; its rule reads only shapes. */
export function defineListOp<Attrs>(spec: ListOpSpec<Attrs>): ListOp<Attrs> {
  const { name, infer, forward, vjp } = spec;
  register({ name, inputs: ['...xs'], saves: [], differentiable: vjp !== null });
  const rule = ruleOf(name, vjp === null ? null : (g, _saved, attrs, specs) => vjp(g[0] as Tensor, attrs as Attrs, specs));
  const run = (xs: readonly Tensor[], attrs: Attrs): Tensor => {
    xs.forEach((x, i) => checkLive(name, `xs[${i}]`, x));
    const { shape, dtype } = infer(xs, attrs);
    const out = emptyTensor(shape, dtype);
    if (out.size > 0) {
      try {
        forward(xs, out, attrs);
      } catch (error) {
        widened(error, xs, [out], (ins, outs) => forward(ins, outs[0] as Tensor, attrs));
      }
    }
    if (isRecording() && isFloating(dtype) && xs.some((x) => x.requiresGrad)) connect(rule, attrs, xs, [out]).saved = [];
    return out;
  };
  return { name, apply: run, differentiable: vjp !== null };
}

/** { key: value } from two parallel lists. */
function named<K extends string, V>(keys: readonly K[], values: readonly V[]): Record<K, V> {
  const result: Partial<Record<K, V>> = {};
  for (let i = 0; i < keys.length; i++) result[keys[i] as K] = values[i];
  return result as Record<K, V>;
}

/** The values of `x` in the order of `keys`: that in which most callers and rules write them, and then they are read from where they lie (see `run`). */
function listed<K extends string, V>(keys: readonly K[], x: Record<K, V>): V[] {
  const values = new Array<V>(keys.length);
  let i = 0;
  for (const key in x) {
    const value = x[key];
    if (key !== keys[i]) return keys.map((one) => x[one]);
    values[i++] = value;
  }
  return i === keys.length ? values : keys.map((one) => x[one]);
}

/** What an op whose rule reads only shapes saves. */
const nothingSaved: readonly SavedTensor[] = [];
