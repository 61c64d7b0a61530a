import { zeros } from '../create/fill.js';
import { fromArray } from '../create/tensor.js';
import { ArgumentError, checkOptions } from '../errors.js';
import { narrow } from '../ops/movement/slice.js';
import { nextStream } from '../runtime/random.js';
import { readAsync } from '../runtime/reader.js';
import { scope } from '../runtime/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { collate as defaultCollate, type Collated } from './collate.js';
import { TensorDataset, type Dataset } from './dataset.js';
import { shuffled } from './shuffle.js';

export interface LoaderOptions<Item, Batch> {
  /** Items a batch. Default 1. */
  readonly batchSize?: number;
  /** A new order every epoch. */
  readonly shuffle?: boolean;
  /** Decides the orders, together with the epoch's number. Default: taken from manualSeed's generator. */
  readonly seed?: number;
  /** Leave a last batch that is not full out. */
  readonly dropLast?: boolean;
  /** Items -> batch. Default: collate(). */
  readonly collate?: (items: readonly Item[]) => Batch;
  /** With `for await` and a dataset that returns promises: batches made ahead. Default 2. */
  readonly prefetch?: number;
}

const known = ['batchSize', 'shuffle', 'seed', 'dropLast', 'collate', 'prefetch'];

/**
 * Batches of a dataset: `for await (const [x, y] of loader)`, or `for (const ...)` when the dataset answers without promises. Every pass is an epoch with an order of its own, which
 * depends on `seed` and the epoch alone. A batch belongs to the loop: it is freed when nothing refers to it any more. Throws ArgumentError on impossible options.
 */
export class DataLoader<Item, Batch = Collated<Item>> implements Iterable<Batch>, AsyncIterable<Batch> {
  readonly dataset: Dataset<Item>;
  readonly batchSize: number;
  /** Number of the next pass; set it to resume in the middle of a training. */
  epoch = 0;
  private readonly shuffle: boolean;
  private readonly seed: number;
  private readonly dropLast: boolean;
  private readonly prefetch: number;
  private readonly collate: (items: readonly Item[]) => Batch;
  /** Whether batches of a TensorDataset may be taken inside the engine. */
  private readonly plain: boolean;

  constructor(dataset: Dataset<Item>, options: LoaderOptions<Item, Batch> = {}) {
    checkOptions('DataLoader', options, known);
    const { batchSize = 1, shuffle = false, dropLast = false, prefetch = 2 } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new ArgumentError('DataLoader', `batchSize must be a whole number >= 1, got ${batchSize}`);
    if (!Number.isInteger(prefetch) || prefetch < 0)
      throw new ArgumentError('DataLoader', `prefetch must be a whole number >= 0, got ${prefetch}`);
    if (options.seed !== undefined && !Number.isSafeInteger(options.seed))
      throw new ArgumentError('DataLoader', `seed must be a whole number, got ${options.seed}`);
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.seed = options.seed ?? (shuffle ? streamSeed() : 0);
    this.dropLast = dropLast;
    this.prefetch = prefetch;
    this.plain = options.collate === undefined;
    this.collate = options.collate ?? ((items) => defaultCollate(items) as Batch);
  }

  /** Batches an epoch. */
  get length(): number {
    const full = Math.floor(this.dataset.length / this.batchSize);
    return this.dropLast || this.dataset.length % this.batchSize === 0 ? full : full + 1;
  }

  *[Symbol.iterator](): Iterator<Batch> {
    const order = this.nextOrder();
    const take = this.taker(order);
    for (let i = 0; i < this.length; i++) {
      const batch = take(i);
      if (batch instanceof Promise) throw new ArgumentError('DataLoader', 'this dataset answers with promises: use `for await`');
      yield batch;
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Batch> {
    const order = this.nextOrder();
    const take = this.taker(order);
    const ahead: (Batch | Promise<Batch>)[] = [];
    const paced = pacer();
    for (let i = 0, next = 0; i < this.length; i++) {
      while (next < this.length && (next === i || (next <= i + this.prefetch && ahead.every((b) => b instanceof Promise)))) {
        const batch = take(next++);
        // A failure is thrown when its batch's turn comes; until then it must not count as unhandled.
        if (batch instanceof Promise) batch.catch(() => undefined);
        ahead.push(batch);
      }
      yield await (ahead.shift() as Batch | Promise<Batch>);
      await paced();
    }
  }

  private nextOrder(): Int32Array {
    const epoch = this.epoch++;
    const n = this.dataset.length;
    return this.shuffle ? shuffled(n, this.seed, epoch) : Int32Array.from({ length: n }, (_, i) => i);
  }

  /** Batch number -> batch, for one epoch. */
  private taker(order: Int32Array): (i: number) => Batch | Promise<Batch> {
    const { dataset, batchSize } = this;
    if (this.plain && dataset instanceof TensorDataset) return this.rowTaker(dataset, order);
    return (i) => {
      const items = Array.from(order.subarray(i * batchSize, (i + 1) * batchSize), (index) => dataset.get(index));
      if (items.some((item) => item instanceof Promise)) return Promise.all(items).then((ready) => this.batchOf(ready));
      return this.batchOf(items as Item[]);
    };
  }

  private batchOf(items: readonly Item[]): Batch {
    return scope(() => this.collate(items), 'DataLoader');
  }

  /** Rows of tensors are taken inside the engine; the order goes there once an epoch. */
  private rowTaker(dataset: TensorDataset<readonly Tensor[]>, order: Int32Array): (i: number) => Batch {
    const indices = fromArray(order, [order.length]);
    return (i) =>
      scope(() => {
        const begin = i * this.batchSize;
        return dataset.take(narrow(indices, 0, begin, Math.min(this.batchSize, order.length - begin))) as Batch;
      }, 'DataLoader');
  }
}

/** Steps that a loop may be ahead of the engine. */
const maxLead = 2;

/**
 * Lets a loop that reads nothing itself wait, without blocking, until the engine has come near: otherwise it would fill the command queue, and a full queue blocks the event loop.
 */
function pacer(): () => Promise<void> {
  const probe = zeros([1]);
  const reached: Promise<unknown>[] = [];
  return async () => {
    reached.push(readAsync(probe));
    if (reached.length > maxLead) await reached.shift();
  };
}

/** A seed from the generator of all random numbers, so that manualSeed decides it too. */
function streamSeed(): number {
  const { seed, stream } = nextStream();
  return (seed * 0x10001 + stream) % Number.MAX_SAFE_INTEGER;
}
