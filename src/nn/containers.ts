import { ArgumentError } from '../errors.js';
import { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { isParameter } from './parameter.js';

/** A module from one tensor to one tensor. */
export type TensorModule = Module & { forward(x: Tensor): Tensor };

/** Modules one after the other; each takes what the one before returned. Keys are their positions: `0.weight`. x -> the last one's result. */
export class Sequential extends Module {
  readonly layers: readonly TensorModule[];

  constructor(...layers: readonly TensorModule[]) {
    super();
    layers.forEach((layer, i) => checkModule('Sequential', layer, i));
    this.layers = layers;
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this.layers) y = layer.call(y);
    return y;
  }

  /** The i-th module; negative positions count from the end. Throws ArgumentError when there is none. */
  at(i: number): TensorModule {
    const layer = this.layers.at(i);
    if (layer === undefined) throw new ArgumentError('Sequential', `there is no module ${i}; it has ${this.layers.length}`);
    return layer;
  }

  get length(): number {
    return this.layers.length;
  }

  *[Symbol.iterator](): Iterator<TensorModule> {
    yield* this.layers;
  }

  protected override *members(): Iterable<readonly [string, unknown, string]> {
    for (const [i, layer] of this.layers.entries()) yield [String(i), layer, String(i)];
  }
}

/** A list of modules whose keys are their positions. It has no forward of its own: loop over it. */
export class ModuleList<M extends Module = Module> extends Module {
  readonly items: M[];

  constructor(items: Iterable<M> = []) {
    super();
    this.items = [...items];
    this.items.forEach((item, i) => checkModule('ModuleList', item, i));
  }

  forward(): never {
    throw new ArgumentError('ModuleList', 'it cannot be called; call its modules: for (const layer of list) x = layer.call(x)');
  }

  /** Adds a module at the end. Returns the list. */
  append(item: M): this {
    checkModule('ModuleList', item, this.items.length);
    this.items.push(item);
    return this;
  }

  /** The i-th module; negative positions count from the end. Throws ArgumentError when there is none. */
  at(i: number): M {
    const item = this.items.at(i);
    if (item === undefined) throw new ArgumentError('ModuleList', `there is no module ${i}; it has ${this.items.length}`);
    return item;
  }

  get length(): number {
    return this.items.length;
  }

  *[Symbol.iterator](): Iterator<M> {
    yield* this.items;
  }

  protected override *members(): Iterable<readonly [string, unknown, string]> {
    for (const [i, item] of this.items.entries()) yield [String(i), item, String(i)];
  }
}

/** Modules by name; the names are the keys as they are. It has no forward of its own. */
export class ModuleDict<M extends Module = Module> extends Module {
  readonly items: Map<string, M>;

  constructor(items: Readonly<Record<string, M>> | Iterable<readonly [string, M]> = {}) {
    super();
    this.items = new Map(Symbol.iterator in items ? items : Object.entries(items));
    for (const [name, item] of this.items) checkModule('ModuleDict', item, name);
  }

  forward(): never {
    throw new ArgumentError('ModuleDict', "it cannot be called; call one of its modules: dict.get('name').call(x)");
  }

  /** The module of that name. Throws ArgumentError when there is none. */
  get(name: string): M {
    const item = this.items.get(name);
    if (item === undefined)
      throw new ArgumentError('ModuleDict', `there is no module ${name}; there are ${[...this.items.keys()].join(', ')}`);
    return item;
  }

  has(name: string): boolean {
    return this.items.has(name);
  }

  *[Symbol.iterator](): Iterator<[string, M]> {
    yield* this.items;
  }

  protected override *members(): Iterable<readonly [string, unknown, string]> {
    for (const [name, item] of this.items) yield [name, item, name];
  }
}

/** A list of parameters whose keys are their positions. */
export class ParameterList extends Module {
  readonly items: Tensor[];

  constructor(items: Iterable<Tensor> = []) {
    super();
    this.items = [...items];
    this.items.forEach((item, i) => {
      if (!isParameter(item)) throw new ArgumentError('ParameterList', `item ${i} must be a Parameter; wrap it: new nn.Parameter(t)`);
    });
  }

  forward(): never {
    throw new ArgumentError('ParameterList', 'it cannot be called; use its parameters');
  }

  *[Symbol.iterator](): Iterator<Tensor> {
    yield* this.items;
  }

  protected override *members(): Iterable<readonly [string, unknown, string]> {
    for (const [i, item] of this.items.entries()) yield [String(i), item, String(i)];
  }
}

function checkModule(op: string, value: unknown, at: number | string): void {
  if (value instanceof Module) return;
  const got =
    value instanceof Tensor ? 'a tensor' : typeof value === 'function' ? 'a function or class (did you forget `new`?)' : String(value);
  throw new ArgumentError(op, `item ${at} must be a module, got ${got}`);
}
