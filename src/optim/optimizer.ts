import { isHalf, type DType } from '../core/dtype.js';
import { formatShape, sameShape } from '../core/shape.js';
import { full } from '../create/fill.js';
import { ArgumentError, checkOptions, DTypeError, ShapeError } from '../errors.js';
import { clone } from '../ops/movement/contiguous.js';
import { keep, scope } from '../runtime/scope.js';
import { Tensor } from '../tensor/tensor.js';

/** What every parameter group has; schedules change `lr` (and momentum or betas) between steps. */
export interface GroupOptions {
  lr: number;
}

/** Parameters that are updated with the same options. */
export type ParameterGroup<O extends GroupOptions> = O & { readonly params: readonly Tensor[] };

/** Parameters, or groups of them with options of their own. */
export type Parameters<O extends GroupOptions> = readonly Tensor[] | readonly (Partial<O> & { readonly params: readonly Tensor[] })[];

/** What an optimizer remembers of one parameter. */
export interface ParameterState {
  /** Updates so far. */
  readonly step: number;
  /** Momenta by PyTorch's names (exp_avg, momentum_buffer, ...). */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Everything needed to go on later: options by group and state by parameter, parameters counted through all groups. */
export interface OptimizerState {
  readonly groups: readonly { readonly options: Readonly<Record<string, unknown>>; readonly params: readonly number[] }[];
  readonly state: ReadonlyMap<number, ParameterState>;
}

/** Parameters of one group that are at the same step, with gradients and slots: what one command updates. */
export interface Batch {
  readonly gradients: Tensor[];
  /** [0] the parameters, [k] the k-th slot's tensors. */
  readonly slots: Tensor[][];
  /** Number of this step, from 1. */
  readonly step: number;
  readonly dtype: DType;
}

interface Remembered {
  step: number;
  readonly slots: Tensor[];
}

/** Base of the optimizers: groups, state and bookkeeping. A subclass names its slots and calls its kernel. Allocates nothing after a parameter's first step. */
export abstract class Optimizer<O extends GroupOptions = GroupOptions> {
  /** PyTorch's param_groups: options may be changed between steps. */
  readonly groups: ParameterGroup<O>[];
  private readonly name: string;
  private readonly remembered = new Map<Tensor, Remembered>();

  constructor(name: string, params: Parameters<O>, defaults: O, options: Partial<O>) {
    this.name = name;
    const known = Object.keys(defaults);
    checkOptions(name, options, known);
    this.groups = makeGroups(name, params, { ...defaults, ...options }, known);
    for (const group of this.groups) this.check(group);
    const seen = new Set<Tensor>();
    this.groups.flatMap((group) => group.params).forEach((p, i) => this.checkParameter(p, i, seen));
  }

  /** Names of the tensors kept for each parameter of a group. */
  protected abstract slotNames(group: ParameterGroup<O>): readonly string[];

  /** Throws on options that make no sense. */
  protected abstract check(group: ParameterGroup<O>): void;

  /** Runs the update of one batch. */
  protected abstract update(group: ParameterGroup<O>, batch: Batch): void;

  /** First value of a slot's elements. */
  protected initialValue(_group: ParameterGroup<O>): number {
    return 0;
  }

  /** Updates every parameter that has a gradient, in place. */
  step(): void {
    for (const group of this.groups) {
      this.check(group);
      for (const batch of this.batches(group)) this.update(group, batch);
    }
  }

  /** Forgets all gradients: they are released; clone() one before to keep it. */
  zeroGrad(): void {
    for (const { params } of this.groups) {
      for (const p of params) {
        p.grad?.dispose();
        p.grad = null;
      }
    }
  }

  /** Options and state. Its tensors are the optimizer's own and change with the next step: save or clone them at once. */
  stateDict(): OptimizerState {
    let next = 0;
    const state = new Map<number, ParameterState>();
    const groups = this.groups.map((group) => {
      const { params, ...options } = group;
      const names = this.slotNames(group);
      const indices = params.map((p) => {
        const index = next++;
        const known = this.remembered.get(p);
        if (known === undefined) return index;
        const tensors = new Map<string, Tensor>();
        known.slots.forEach((t, k) => tensors.set(names[k] ?? String(k), t.detach()));
        state.set(index, { step: known.step, tensors });
        return index;
      });
      return { options, params: indices };
    });
    return { groups, state };
  }

  /** Takes options and copies of the state over. Throws ArgumentError or ShapeError when they belong to other parameters; nothing is changed then. */
  loadStateDict({ groups, state }: OptimizerState): void {
    const op = `${this.name}.loadStateDict`;
    const sizes = (list: readonly { params: readonly unknown[] }[]): string => list.map((group) => group.params.length).join(', ');
    if (sizes(groups) !== sizes(this.groups))
      throw new ArgumentError(op, `the state has groups of ${sizes(groups)} parameters, the optimizer of ${sizes(this.groups)}`);
    const loaded = new Map<Tensor, Remembered>();
    scope(() => {
      let next = 0;
      this.groups.forEach((group, i) => {
        checkOptions(op, groups[i]?.options ?? {}, Object.keys(group));
        const names = this.slotNames({ ...group, ...groups[i]?.options });
        for (const p of group.params) {
          const known = state.get(next++);
          if (known !== undefined) loaded.set(p, { step: known.step, slots: names.map((name) => copyOf(op, p, name, next - 1, known)) });
        }
      });
    }, op);
    this.groups.forEach((group, i) => Object.assign(group, groups[i]?.options));
    this.remembered.clear();
    for (const [p, own] of loaded) this.remembered.set(p, own);
  }

  /** PyTorch's repr: one line a group. */
  toString(): string {
    const lines = this.groups.map(({ params, ...options }, i) => {
      const text = Object.entries(options).map(([key, value]) => `${key}: ${String(value)}`);
      return `  group ${i}: ${params.length} tensors, ${text.join(', ')}`;
    });
    return `${this.name}(\n${lines.join('\n')}\n)`;
  }

  private checkParameter(p: unknown, i: number, seen: Set<Tensor>): void {
    if (!(p instanceof Tensor)) throw new ArgumentError(this.name, `parameter ${i} must be a tensor, got ${typeof p}`);
    const what = `parameter ${i} ${formatShape(p.shape)}`;
    if (!p.isLeaf) throw new ArgumentError(this.name, `${what} was computed from others; only leaves can be optimized (detach() it)`);
    if (p.dtype !== 'f32' && p.dtype !== 'f64') {
      const cure = isHalf(p.dtype) ? ": updates would be lost in rounding; train with model.to('f32') and convert afterwards" : '';
      throw new DTypeError(this.name, `${what} must be f32 or f64, got ${p.dtype}${cure}`);
    }
    if (!p.isContiguous) throw new ArgumentError(this.name, `${what} is a strided view; make it contiguous() first`);
    if (seen.has(p)) throw new ArgumentError(this.name, `${what} is named twice; each parameter belongs to one group`);
    seen.add(p);
  }

  /** The parameters that have gradients, by step number and dtype: normally one batch. */
  private batches(group: ParameterGroup<O>): Iterable<Batch> {
    const names = this.slotNames(group);
    const found: Batch[] = [];
    let last: Batch | undefined;
    group.params.forEach((p, i) => {
      const { grad } = p;
      if (grad === null) return;
      this.checkGradient(p, grad, i);
      const own = this.recall(group, p, names.length);
      const step = ++own.step;
      if (p.size === 0) return;
      const fits = (one: Batch): boolean => one.step === step && one.dtype === p.dtype;
      let batch = last !== undefined && fits(last) ? last : found.find(fits);
      if (batch === undefined) found.push((batch = { gradients: [], slots: [[], ...names.map(() => [])], step, dtype: p.dtype }));
      last = batch;
      batch.gradients.push(grad);
      batch.slots[0]?.push(p);
      own.slots.forEach((t, k) => batch.slots[k + 1]?.push(t));
    });
    return found;
  }

  private checkGradient(p: Tensor, g: Tensor, i: number): void {
    if (sameShape(p.shape, g.shape) && p.dtype === g.dtype) return;
    const message = `the gradient of parameter ${i} is ${g.dtype} ${formatShape(g.shape)}, the parameter ${p.dtype} ${formatShape(p.shape)}`;
    throw new ShapeError(`${this.name}.step`, message);
  }

  private recall(group: ParameterGroup<O>, p: Tensor, slots: number): Remembered {
    let own = this.remembered.get(p);
    if (own?.slots.length !== slots) {
      const value = this.initialValue(group);
      const make = (): Tensor => keep(full(p.shape, value, { dtype: p.dtype }));
      own = { step: own?.step ?? 0, slots: Array.from({ length: slots }, make) };
      this.remembered.set(p, own);
    }
    return own;
  }
}

function makeGroups<O extends GroupOptions>(name: string, params: Parameters<O>, base: O, known: readonly string[]): ParameterGroup<O>[] {
  const given: unknown = params;
  if (!Array.isArray(given)) throw new ArgumentError(name, 'pass an array of parameters (model.parameters()) or of groups { params, lr }');
  if (params.length === 0) throw new ArgumentError(name, 'there are no parameters to optimize');
  const plain: Tensor[] = [];
  const groups: ParameterGroup<O>[] = [];
  for (const item of params) {
    if (item instanceof Tensor) {
      plain.push(item);
      continue;
    }
    const { params: members, ...own } = item;
    checkOptions(name, own, known);
    groups.push({ ...base, ...own, params: [...members] });
  }
  if (plain.length === 0) return groups;
  if (groups.length > 0) throw new ArgumentError(name, 'pass either parameters or groups, not both');
  return [{ ...base, params: plain }];
}

function copyOf(op: string, p: Tensor, name: string, index: number, { tensors }: ParameterState): Tensor {
  const t = tensors.get(name);
  if (t === undefined) throw new ArgumentError(op, `the state of parameter ${index} has no ${name}; it was saved by another optimizer`);
  if (!sameShape(t.shape, p.shape) || t.dtype !== p.dtype)
    throw new ShapeError(
      op,
      `${name} of parameter ${index} is ${t.dtype} ${formatShape(t.shape)}, the parameter ${p.dtype} ${formatShape(p.shape)}`,
    );
  return keep(clone(t));
}
