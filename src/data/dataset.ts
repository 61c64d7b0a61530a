import { formatShape } from '../core/shape.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { indexSelect } from '../ops/index/index-select.js';
import { squeeze } from '../ops/movement/squeeze.js';
import { narrow } from '../ops/movement/slice.js';
import { Tensor } from '../tensor/tensor.js';
import { shuffled } from './shuffle.js';

/** Items by number. `get` may return a promise (a file to be read): then batches are made ahead of their use. */
export interface Dataset<Item> {
  readonly length: number;
  get(index: number): Item | Promise<Item>;
}

/** Items that are JavaScript values in an array. */
export class ArrayDataset<Item> implements Dataset<Item> {
  private readonly items: readonly Item[];

  constructor(items: readonly Item[]) {
    this.items = items;
  }

  get length(): number {
    return this.items.length;
  }

  get(index: number): Item {
    checkIndex('ArrayDataset', index, this.length);
    return this.items[index] as Item;
  }
}

/**
 * Items that are rows of tensors with the same first size: item i is [tensors[0][i], tensors[1][i], ...]. The data stays in the engine; a loader makes a whole
 * batch with one command a tensor. Throws ShapeError when the first sizes differ.
 */
export class TensorDataset<Tensors extends readonly Tensor[]> implements Dataset<{ [K in keyof Tensors]: Tensor }> {
  readonly tensors: Tensors;
  readonly length: number;

  constructor(...tensors: Tensors) {
    const sizes = tensors.map((t) => {
      if (!(t instanceof Tensor)) throw new ArgumentError('TensorDataset', `arguments must be tensors, got ${typeof t}`);
      if (t.shape.length === 0) throw new ShapeError('TensorDataset', 'a scalar has no rows');
      return t.shape[0] as number;
    });
    if (sizes.length === 0) throw new ArgumentError('TensorDataset', 'at least one tensor is needed');
    if (sizes.some((n) => n !== sizes[0])) {
      throw new ShapeError(
        'TensorDataset',
        `tensors must have the same number of rows, got ${tensors.map((t) => formatShape(t.shape)).join(' and ')}`,
      );
    }
    this.tensors = tensors;
    this.length = sizes[0] as number;
  }

  get(index: number): { [K in keyof Tensors]: Tensor } {
    checkIndex('TensorDataset', index, this.length);
    return this.mapTensors((t) => squeeze(narrow(t, 0, index, 1), 0));
  }

  /** The rows named by `indices` [k] i32 or i64: one tensor [k, ...] for each of the dataset's. */
  take(indices: Tensor): { [K in keyof Tensors]: Tensor } {
    return this.mapTensors((t) => indexSelect(t, 0, indices));
  }

  private mapTensors(f: (t: Tensor) => Tensor): { [K in keyof Tensors]: Tensor } {
    return this.tensors.map(f) as { [K in keyof Tensors]: Tensor };
  }
}

/** Some of another dataset's items, in the given order. Throws ArgumentError on an index that it does not have. */
export class Subset<Item> implements Dataset<Item> {
  private readonly whole: Dataset<Item>;
  private readonly indices: Int32Array;

  constructor(whole: Dataset<Item>, indices: ArrayLike<number>) {
    this.indices = Int32Array.from(indices, (index) => {
      checkIndex('Subset', index, whole.length);
      return index;
    });
    this.whole = whole;
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): Item | Promise<Item> {
    checkIndex('Subset', index, this.length);
    return this.whole.get(this.indices[index] as number);
  }
}

/**
 * Disjoint parts of a dataset, chosen by `seed`. Sizes are numbers of items that add up to its length, or fractions that add up to 1 (the last part takes what
 * rounding leaves). Throws ArgumentError when they do not.
 */
export function randomSplit<Item>(dataset: Dataset<Item>, sizes: readonly number[], seed = 0): Subset<Item>[] {
  const total = sizes.reduce((a, b) => a + b, 0);
  const fractions = Math.abs(total - 1) < 1e-9 && dataset.length !== 1;
  const counts = fractions ? sizes.map((f) => Math.floor(f * dataset.length)) : [...sizes];
  if (fractions) counts[counts.length - 1] = dataset.length - counts.slice(0, -1).reduce((a, b) => a + b, 0);
  const valid = counts.every((n) => Number.isInteger(n) && n >= 0) && counts.reduce((a, b) => a + b, 0) === dataset.length;
  if (!valid)
    throw new ArgumentError('randomSplit', `sizes [${sizes.join(', ')}] must add up to the dataset's ${dataset.length} items, or to 1`);
  const order = shuffled(dataset.length, seed, 0);
  let begin = 0;
  return counts.map((count) => new Subset(dataset, order.subarray(begin, (begin += count))));
}

function checkIndex(op: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length)
    throw new ArgumentError(op, `index ${index} is not one of its ${length} items`);
}
