import { describe, expect, it } from 'vitest';
import { ArgumentError, data, engine, fromArray, manualSeed, ShapeError, tensor, type Tensor } from '../../src/index.js';

const { ArrayDataset, DataLoader, randomSplit, Subset, TensorDataset } = data;

function rows(n: number): data.TensorDataset<[Tensor, Tensor]> {
  const x = Float32Array.from({ length: n * 2 }, (_, i) => i);
  return new TensorDataset(
    fromArray(x, [n, 2]),
    fromArray(
      Int32Array.from({ length: n }, (_, i) => i),
      [n],
    ),
  );
}

/** Labels of every batch of one pass. */
async function labels(loader: data.DataLoader<[Tensor, Tensor], [Tensor, Tensor]>): Promise<number[][]> {
  const seen: number[][] = [];
  for await (const [, y] of loader) seen.push(Array.from(await y.data(), Number));
  return seen;
}

describe('DataLoader', () => {
  it('gives rows in order, the last batch shorter', async () => {
    const loader = new DataLoader(rows(5), { batchSize: 2 });
    expect(loader.length).toBe(3);
    expect(await labels(loader)).toEqual([[0, 1], [2, 3], [4]]);
    const [[x]] = [...loader] as [[Tensor, Tensor]];
    expect(await x.toArray()).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('leaves the short batch out with dropLast', async () => {
    const loader = new DataLoader(rows(5), { batchSize: 2, dropLast: true });
    expect(loader.length).toBe(2);
    expect(await labels(loader)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('shuffles every epoch anew, the same way for the same seed', async () => {
    const one = new DataLoader(rows(50), { batchSize: 50, shuffle: true, seed: 3 });
    const two = new DataLoader(rows(50), { batchSize: 50, shuffle: true, seed: 3 });
    const [first, second] = [await labels(one), await labels(one)];
    expect(first).not.toEqual(second);
    expect([...(first[0] ?? [])].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(await labels(two)).toEqual(first);
    two.epoch = 1;
    expect(await labels(two)).toEqual(second);
    expect(await labels(new DataLoader(rows(50), { batchSize: 50, shuffle: true, seed: 4 }))).not.toEqual(first);
  });

  it('takes its seed from manualSeed when none is given', async () => {
    const order = async (seed: number): Promise<number[][]> => {
      manualSeed(seed);
      return labels(new DataLoader(rows(20), { batchSize: 20, shuffle: true }));
    };
    expect(await order(5)).toEqual(await order(5));
    expect(await order(5)).not.toEqual(await order(6));
  });

  it('shuffles without bias: each item is equally often in each place', () => {
    const counts = new Map<number, number>();
    const loader = new DataLoader(new ArrayDataset([0, 1, 2, 3]), { batchSize: 1, shuffle: true, seed: 1, collate: ([item]) => item });
    const epochs = 4000;
    for (let e = 0; e < epochs; e++) {
      const [first] = loader;
      counts.set(first ?? -1, (counts.get(first ?? -1) ?? 0) + 1);
    }
    // Binomial(4000, 1/4): deviation 27; five deviations.
    for (let item = 0; item < 4; item++) expect(Math.abs((counts.get(item) ?? 0) - epochs / 4)).toBeLessThan(137);
  });

  it('collates numbers, typed arrays, tensors, strings and objects', async () => {
    const items = [
      { x: Float32Array.of(1, 2), y: 0, name: 'a', t: tensor([1]) },
      { x: Float32Array.of(3, 4), y: 1, name: 'b', t: tensor([2]) },
    ];
    const [batch] = new DataLoader(new ArrayDataset(items), { batchSize: 2 });
    expect(await batch?.x.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect([batch?.y.dtype, await batch?.y.toArray()]).toEqual(['f32', [0, 1]]);
    expect(batch?.name).toEqual(['a', 'b']);
    expect(await batch?.t.toArray()).toEqual([[1], [2]]);
  });

  it('reads ahead when items are promises, in order, and passes a failure on at its turn', async () => {
    let inFlight = 0;
    let most = 0;
    const dataset = {
      length: 6,
      get: async (index: number): Promise<number> => {
        most = Math.max(most, ++inFlight);
        await new Promise((resolve) => setImmediate(resolve));
        inFlight--;
        if (index === 5) throw new Error('disk on fire');
        return index;
      },
    };
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const batch of new DataLoader(dataset, { prefetch: 2 })) seen.push(await batch.item());
    };
    await expect(run()).rejects.toThrow('disk on fire');
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(most).toBe(3);
    expect(() => [...new DataLoader(dataset)]).toThrow(/DataLoader: this dataset answers with promises: use `for await`/);
  });

  it('lets the event loop turn in a loop that reads nothing', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const big = fromArray(new Float32Array(1 << 20), [64, 1 << 14]);
    for await (const [x] of new DataLoader(new TensorDataset(big), { batchSize: 1 })) for (let i = 0; i < 20; i++) x.exp().sum();
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
    expect(engine.stats().queued).toBeLessThan(1 << 16);
  });

  it('rejects impossible options and says what is possible', () => {
    expect(() => new DataLoader(rows(2), { batchSize: 0 })).toThrow(/DataLoader: batchSize must be a whole number >= 1, got 0/);
    expect(() => new DataLoader(rows(2), { batchsize: 2 } as object)).toThrow(/unknown option "batchsize"; did you mean batchSize\?/);
    expect(() => [...new DataLoader(new ArrayDataset([Float32Array.of(1), Float32Array.of(1, 2)]), { batchSize: 2 })]).toThrow(
      /collate: item differs in length or type within the batch/,
    );
  });
});

describe('datasets', () => {
  it('TensorDataset wants equally many rows', () => {
    expect(() => new TensorDataset(tensor([[1], [2]]), tensor([1, 2, 3]))).toThrow(ShapeError);
    expect(() => new TensorDataset(tensor([[1], [2]]), tensor([1, 2, 3]))).toThrow(
      /TensorDataset: tensors must have the same number of rows, got \[2,1\] and \[3\]/,
    );
  });

  it('gives single items', async () => {
    const [x, y] = rows(3).get(1);
    expect([await x.toArray(), await y.item()]).toEqual([[2, 3], 1]);
    expect(() => rows(3).get(3)).toThrow(/TensorDataset: index 3 is not one of its 3 items/);
  });

  it('splits into disjoint parts by number and by fraction', () => {
    const whole = new ArrayDataset([...'abcdefghij']);
    for (const sizes of [
      [7, 3],
      [0.75, 0.25],
    ]) {
      const parts = randomSplit(whole, sizes, 1);
      expect(parts.map((p) => p.length)).toEqual([7, 3]);
      const all = parts.flatMap((p) => Array.from({ length: p.length }, (_, i) => p.get(i)));
      expect(all.sort().join('')).toBe('abcdefghij');
    }
    expect(() => randomSplit(whole, [7, 4])).toThrow(ArgumentError);
    expect(() => new Subset(whole, [10])).toThrow(/Subset: index 10 is not one of its 10 items/);
  });
});
