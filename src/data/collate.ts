import { fromArray } from '../create/tensor.js';
import { ArgumentError } from '../errors.js';
import { stack } from '../ops/movement/cat.js';
import { Tensor } from '../tensor/tensor.js';

/** What the default collate makes of items: numbers and typed arrays become tensors with a new first axis; tuples, arrays and objects go member by member. */
export type Collated<Item> = Item extends Tensor | number | boolean | Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array
  ? Tensor
  : Item extends string
    ? string[]
    : Item extends object
      ? { [K in keyof Item]: Collated<Item[K]> }
      : never;

/**
 * Items as one batch: tensors are stacked, numbers give [n] f32 (labels: use a typed array, or a collate function), typed arrays [n, length], strings stay an array. Throws ArgumentError on anything else and on
 * items that differ in form.
 */
export function collate<Item>(items: readonly Item[]): Collated<Item> {
  return collateAny(items, 'item') as Collated<Item>;
}

function collateAny(items: readonly unknown[], where: string): unknown {
  const [first] = items;
  if (first instanceof Tensor) return stack(every(items, where, (item): item is Tensor => item instanceof Tensor));
  if (typeof first === 'number') return numbers(every(items, where, (item): item is number => typeof item === 'number'));
  if (typeof first === 'boolean') return fromArray(items.map(Number), [items.length], { dtype: 'bool' });
  if (typeof first === 'string') return items;
  if (ArrayBuffer.isView(first)) return arrays(items, where);
  if (Array.isArray(first))
    return first.map((_, k) =>
      collateAny(
        items.map((item) => (item as readonly unknown[])[k]),
        `${where}[${k}]`,
      ),
    );
  if (typeof first === 'object' && first !== null) {
    const keys = Object.keys(first);
    return Object.fromEntries(
      keys.map((key) => [
        key,
        collateAny(
          items.map((item) => (item as Readonly<Record<string, unknown>>)[key]),
          `${where}.${key}`,
        ),
      ]),
    );
  }
  throw new ArgumentError('collate', `${where} is ${first === null ? 'null' : typeof first}; give the loader a collate function`);
}

/** The items, all of which must be of one kind. */
function every<T>(items: readonly unknown[], where: string, fits: (item: unknown) => item is T): readonly T[] {
  if (!items.every(fits)) throw new ArgumentError('collate', `${where} is not of the same kind in every item of the batch`);
  return items;
}

function numbers(values: readonly number[]): Tensor {
  return fromArray(values, [values.length], { dtype: 'f32' });
}

type RowArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

function isRow(item: unknown): item is RowArray {
  return [Float32Array, Float64Array, Int32Array, BigInt64Array, Uint8Array].some((kind) => item instanceof kind);
}

function arrays(items: readonly unknown[], where: string): Tensor {
  const rows = every(items, where, isRow);
  const [first] = rows;
  const length = first?.length ?? 0;
  if (rows.some((row) => row.length !== length || row.constructor !== first?.constructor)) {
    throw new ArgumentError(
      'collate',
      `${where} differs in length or type within the batch; pad it, or give the loader a collate function`,
    );
  }
  return stack(rows.map((row) => fromArray(row, [length])));
}
