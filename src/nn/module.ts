import { inspect } from 'node:util';
import { isFloating, type DType } from '../core/dtype.js';
import { ArgumentError } from '../errors.js';
import { to } from '../ops/elementwise/cast.js';
import { keep, scope } from '../runtime/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { isParameter, Parameter } from './parameter.js';
import { loadState, type LoadOptions, type LoadResult, type StateDict, type StateLike } from './state.js';
import { observe } from './observer.js';

/** The module whose forward is running: it is what names its children in messages. */
let caller: Module | null = null;

/** Makes `module` the caller; returns who was it. */
function enter(module: Module): Module | null {
  const before = caller;
  caller = module;
  return before;
}

/** Through a parameter of its own type, so that forward has the signature that the subclass gave it. */
function run<Inputs extends unknown[], Output>(module: { forward(...inputs: Inputs): Output }, inputs: Inputs): Output {
  return module.forward(...inputs);
}

/**
 * A part of a model. Its parameters, buffers and children are simply its properties; arrays of modules count too. A subclass writes `forward`, its users `call`:
 *
 *     class Net extends nn.Module {
 *       fc1 = new nn.Linear(784, 256);
 *       fc2 = new nn.Linear(256, 10);
 *       forward(x: Tensor): Tensor {
 *         return this.fc2.call(this.fc1.call(x).relu());
 *       }
 *     }
 *
 * State keys are PyTorch's: `fc1.weight`, `layer1.0.bias`; a property `runningMean` has the key `running_mean`.
 */
export abstract class Module {
  /** Whether layers that behave differently in training (dropout, batch norm) do so; see train(). */
  training = true;
  /** Names of buffer properties, and whether they belong to the state dict. */
  readonly #buffers = new Map<string, boolean>();
  #label = '';

  /** What the module computes. Subclasses write it; use call() instead. */
  abstract forward(...inputs: never[]): unknown;

  /** Runs forward in a scope: what it makes and does not return is released, except what the graph needs for backward(). */
  call<Inputs extends unknown[], Output>(this: Module & { forward(...inputs: Inputs): Output }, ...inputs: Inputs): Output {
    const before = enter(this);
    if (this.#label === '') this.#label = before === null ? this.constructor.name : before.#labelOf(this);
    try {
      const output = scope(() => run<Inputs, Output>(this, inputs), this.#label);
      observe(this, output);
      return output;
    } finally {
      caller = before;
    }
  }

  // ---- what it consists of ----

  /** Its properties by their keys in the state dict; containers give theirs other names. */
  protected *members(): Iterable<readonly [key: string, value: unknown, property: string]> {
    for (const [property, value] of Object.entries(this)) yield [this.stateKey(property), value, property];
  }

  /** The state dict's name of a property: `runningMean` -> `running_mean`, as PyTorch writes it. */
  protected stateKey(property: string): string {
    let key = stateKeys.get(property);
    if (key === undefined) stateKeys.set(property, (key = snakeCase(property)));
    return key;
  }

  /** Makes `this[name]` a tensor that belongs to the module but is not trained. `persistent`: whether it is part of the state dict. Returns it. */
  protected registerBuffer(name: string, values: Tensor, persistent = true): Tensor {
    if (!(values instanceof Tensor)) throw new ArgumentError('registerBuffer', `${name} must be a tensor, got ${typeof values}`);
    this.#buffers.set(name, persistent);
    Reflect.set(this, name, keep(values));
    return values;
  }

  /** Direct children by key. */
  *namedChildren(): Iterable<readonly [string, Module]> {
    for (const [key, value] of this.members()) {
      if (value instanceof Module) yield [key, value];
      else if (Array.isArray(value)) {
        for (const [i, item] of value.entries()) if (item instanceof Module) yield [`${key}.${i}`, item];
      }
    }
  }

  /** Direct children. */
  children(): Module[] {
    return [...this.namedChildren()].map(([, child]) => child);
  }

  /** This module and all below it, each once, parents first, with their paths ('' for this one). */
  namedModules(): (readonly [string, Module])[] {
    const seen = new Set<Module>();
    const found: (readonly [string, Module])[] = [];
    const visit = (path: string, module: Module): void => {
      if (seen.has(module)) return;
      seen.add(module);
      found.push([path, module]);
      for (const [key, child] of module.namedChildren()) visit(join(path, key), child);
    };
    visit('', this);
    return found;
  }

  /** This module and all below it, each once. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** All parameters with their paths, each once. */
  namedParameters(): (readonly [string, Tensor])[] {
    return distinct(this.namedModules().flatMap(([path, module]) => [...module.#tensors(path, isParameter)]));
  }

  /** All parameters, each once: what an optimizer takes. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, p]) => p);
  }

  /** All buffers with their paths, each once. */
  namedBuffers(): (readonly [string, Tensor])[] {
    return distinct(this.namedModules().flatMap(([path, module]) => [...module.#ownBuffers(path, false)]));
  }

  /** All buffers, each once. */
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, b]) => b);
  }

  // ---- state ----

  /** Parameters and persistent buffers by PyTorch's keys. They share the model's memory and change with it: save or clone them before the next step. */
  stateDict(): StateDict {
    const state: StateDict = new Map();
    for (const [name, t] of this.#state('', [])) state.set(name, t.detach());
    return state;
  }

  /**
   * Copies values into the parameters and buffers of the same names, converting dtypes. Throws ShapeError that lists missing and unexpected names (unless strict is
   * false) and shapes that differ; nothing is changed then.
   */
  loadStateDict(state: StateLike, options: LoadOptions = {}): LoadResult {
    return loadState(`${this.constructor.name}.loadStateDict`, new Map(this.#state('', [])), state, options);
  }

  /**
   * Makes parameters and floating buffers another floating dtype. They become new tensors: make the optimizer afterwards. Returns the module.
   * Throws ArgumentError on another dtype.
   */
  to(dtype: DType): this {
    if (!isFloating(dtype)) throw new ArgumentError('Module.to', `dtype must be f32, f64, bf16 or f16, got ${String(dtype)}`);
    const converted = new Map<Tensor, Tensor>();
    for (const module of this.modules()) module.#convert(dtype, converted);
    return this;
  }

  // ---- modes ----

  /** Switches this module and all below it to training (or, with false, to evaluation). Returns the module. */
  train(on = true): this {
    for (const module of this.modules()) module.training = on;
    return this;
  }

  /** Switches to evaluation: no dropout, batch norm uses its running statistics. */
  eval(): this {
    return this.train(false);
  }

  /** Whether gradients are accumulated into the parameters. Returns the module. */
  requiresGrad(on = true): this {
    for (const p of this.parameters()) p.requiresGrad = on;
    return this;
  }

  /** Forgets all gradients: they are released; clone() one before to keep it. */
  zeroGrad(): void {
    for (const p of this.parameters()) {
      p.grad?.dispose();
      p.grad = null;
    }
  }

  /** Calls `fn` on every module, children first. Returns the module. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  // ---- text ----

  /** What stands in the brackets of its line: sizes and options. */
  extraRepr(): string {
    return '';
  }

  /** As PyTorch prints a model. */
  toString(): string {
    const children = [...this.namedChildren()].map(([key, child]) => `  (${key}): ${child.toString().replaceAll('\n', '\n  ')}\n`);
    const own = this.extraRepr();
    return `${this.constructor.name}(${own}${children.length > 0 ? `\n${children.join('')}` : ''})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  // ---- inside ----

  #labelOf(child: Module): string {
    const own = this.#label === '' ? this.constructor.name : this.#label.replace(/ \(.*$/, '');
    for (const [key, value] of this.namedChildren()) if (value === child) return `${own}.${key} (${child.constructor.name})`;
    return `${own} > ${child.constructor.name}`;
  }

  *#tensors(path: string, wanted: (value: unknown) => value is Tensor): Iterable<readonly [string, Tensor]> {
    for (const [key, value, property] of this.members()) {
      if (this.#buffers.has(property)) continue;
      if (wanted(value)) yield [join(path, key), value];
      else if (Array.isArray(value)) for (const [i, item] of value.entries()) if (wanted(item)) yield [join(path, `${key}.${i}`), item];
    }
  }

  *#ownBuffers(path: string, persistentOnly: boolean): Iterable<readonly [string, Tensor]> {
    for (const [property, persistent] of this.#buffers) {
      const value: unknown = Reflect.get(this, property);
      if (value instanceof Tensor && (persistent || !persistentOnly)) yield [join(path, this.stateKey(property)), value];
    }
  }

  /** What the state dict holds: as PyTorch, a module that stands in two places is there twice. */
  *#state(path: string, above: readonly Module[]): Iterable<readonly [string, Tensor]> {
    if (above.includes(this)) throw new ArgumentError('stateDict', `${path} (${this.constructor.name}) contains itself`);
    yield* this.#tensors(path, isParameter);
    yield* this.#ownBuffers(path, true);
    for (const [key, child] of this.namedChildren()) yield* child.#state(join(path, key), [...above, this]);
  }

  #convert(dtype: DType, converted: Map<Tensor, Tensor>): void {
    const replace = (t: Tensor): Tensor => {
      if (!isFloating(t.dtype) || t.dtype === dtype) return t;
      let made = converted.get(t);
      if (made === undefined) {
        const values = scope(() => to(t.detach(), dtype), 'Module.to');
        made = isParameter(t) ? new Parameter(values, { requiresGrad: t.requiresGrad }) : keep(values);
        converted.set(t, made);
        t.grad?.dispose();
      }
      return made;
    };
    for (const [property, value] of Object.entries(this)) {
      if (isParameter(value) || (value instanceof Tensor && this.#buffers.has(property))) Reflect.set(this, property, replace(value));
      else if (Array.isArray(value)) for (const [i, item] of value.entries()) if (isParameter(item)) value[i] = replace(item);
    }
  }
}

/** State keys by property: zeroGrad() asks for all of them at every step. */
const stateKeys = new Map<string, string>();

function snakeCase(property: string): string {
  return /^[a-z]/.test(property) ? property.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : property;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function distinct(entries: readonly (readonly [string, Tensor])[]): (readonly [string, Tensor])[] {
  const seen = new Set<Tensor>();
  return entries.filter(([, t]) => !seen.has(t) && seen.add(t));
}
