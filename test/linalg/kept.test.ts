import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  backward,
  engine,
  fromArray,
  gather,
  linear,
  matmul,
  nn,
  noGrad,
  optim,
  scope,
  tensor,
  transpose,
  type DType,
  type Tensor,
} from '../../src/index.js';
import { normal_, uniform_ } from '../../src/ops/random/in-place.js';
import { Integers } from '../helpers/integers.js';

const { threads, budgetBytes } = engine.stats();
afterAll(() => engine.setThreads(threads));
beforeEach(() => engine.trim());
afterEach(() => engine.setMemoryBudget(budgetBytes));

const draw = new Integers(5);
/** More calls than any copy waits for. */
const calls = 12;

function random(shape: readonly number[], dtype: DType = 'f32', requiresGrad = false): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return fromArray(
    Float64Array.from({ length: n }, () => draw.next(-1000000, 1000000) / 700000),
    shape,
    { dtype, requiresGrad },
  );
}

/** Bytes of weights that are kept once everything recorded has run. */
function kept(): number {
  engine.synchronize();
  return engine.stats().keptBytes;
}

function bytesOf(t: Tensor): Buffer {
  const { buffer, byteOffset, byteLength } = t.dataSync();
  return Buffer.from(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** x w^T, with w where it lies and with a copy of it that no product has seen: the same bits. Leaves nothing behind, views included: w's memory is free when w is. */
function check(x: Tensor, w: Tensor, what: string): void {
  scope(() => {
    const [y, expected] = [matmul(x, transpose(w)), matmul(x, transpose(w.detach().clone()))];
    expect(bytesOf(y).equals(bytesOf(expected)), what).toBe(true);
  });
}

function use(x: Tensor, w: Tensor, what = 'repeated'): void {
  for (let call = 0; call < calls; call++) check(x, w, `${what}, call ${call}`);
}

describe('packed weights that are kept', () => {
  const sizes = [
    [64, 784, 256],
    [64, 256, 10],
    [17, 19, 23],
    [13, 481, 33],
    [40, 1000, 100],
    [200, 33, 70],
    [64, 64, 64],
    [13, 1, 40],
    [100, 900, 15],
  ] as const;
  for (const dtype of ['f32', 'f64'] as const) {
    it(`give the bits of the first call in every call, ${dtype}`, () => {
      for (const [m, k, n] of sizes) {
        const [x, w, bias] = [random([m, k], dtype), random([n, k], dtype), random([n], dtype)];
        const turned = random([k, n], dtype);
        const runs = [(): Tensor => linear(x, w, bias), (): Tensor => matmul(x, transpose(w)), (): Tensor => matmul(x, turned)];
        for (const run of runs) {
          const first = bytesOf(run());
          for (let call = 1; call < calls; call++) {
            engine.setThreads(1 + (call % 3));
            expect(bytesOf(run()).equals(first), `${m} x ${k} x ${n}, call ${call}`).toBe(true);
          }
        }
        for (const t of [x, w, bias, turned]) t.dispose();
      }
    });
  }

  it('are made at the third use, for each layout, and counted', () => {
    const [x, w] = [random([64, 784]), random([192, 784])]; // whole panels on every instruction set
    const seen: number[] = [];
    for (let call = 0; call < 4; call++) {
      matmul(x, transpose(w)).dispose();
      seen.push(kept());
    }
    const bytes = 192 * 784 * 4;
    expect(seen).toEqual([0, 0, bytes, bytes]);
    expect(engine.stats().reservedBytes).toBeGreaterThan(bytes);
    const rows = w.slice([[32, 128]]);
    use(x, rows);
    expect(kept()).toBe(bytes + bytes / 2);
  });

  it('serve a factor in rows, which could be read where it lies, after eight uses', () => {
    for (const n of [3072, 1152]) {
      // whole panels on every instruction set; rows of whole pages, and others
      const [x, rows] = [random([128, 64]), random([64, n])];
      for (let call = 0; call < 8; call++) matmul(x, rows).dispose();
      expect(kept()).toBe(0);
      matmul(x, rows).dispose();
      expect(kept()).toBe(64 * n * 4);
      engine.trim();
    }
  });

  it('serve batches of x and every row of a sequence, but are not made of a batch of weights', () => {
    const [x, w] = [random([4, 16, 100]), random([90, 100])];
    const first = bytesOf(linear(x, w));
    for (let call = 0; call < calls; call++) expect(bytesOf(linear(x, w)).equals(first)).toBe(true);
    expect(kept()).toBe(96 * 100 * 4);
    engine.trim();
    const many = random([4, 90, 100]);
    for (let call = 0; call < calls; call++) matmul(x, transpose(many)).dispose();
    expect(kept()).toBe(0);
  });
});

describe('a weight that is written', () => {
  const shape = [256, 128] as const;
  const writers: Record<string, (w: Tensor) => void> = {
    setData: (w) => w.setData(random(shape).dataSync()),
    uniform_: (w) => void uniform_(w),
    normal_: (w) => void normal_(w),
    'a loaded state': (w) => {
      const layer = new nn.Linear(shape[1], shape[0], { bias: false });
      layer.weight.dispose();
      Object.assign(layer, { weight: w });
      layer.loadStateDict({ weight: random(shape) });
    },
  };
  for (const name of ['SGD', 'Adam', 'RMSprop', 'Adagrad'] as const) {
    writers[`a step of ${name}`] = (w) => {
      const optimizer = new optim[name]([w], { lr: 0.1 });
      backward(w.mul(w).sum());
      optimizer.step();
    };
  }
  for (const [what, write] of Object.entries(writers)) {
    it(`by ${what} is packed anew`, () => {
      const [x, w] = [random([40, shape[1]]), new nn.Parameter(random(shape))];
      for (let round = 0; round < 4; round++) {
        noGrad(() => use(x, w, what));
        expect(kept()).toBeGreaterThan(0);
        const before = bytesOf(w);
        write(w);
        expect(bytesOf(w).equals(before)).toBe(false);
      }
      noGrad(() => check(x, w, 'the last version'));
    });
  }

  it('through another view of its memory is packed anew', () => {
    const [x, both] = [random([40, 128]), random([576, 128])];
    const halves = [both.slice([[0, 288]]), both.slice([[288, 576]])];
    for (let round = 0; round < 3; round++) {
      for (const half of halves) use(x, half, `round ${round}`);
      expect(kept()).toBe(2 * 288 * 128 * 4);
      if (round === 1) uniform_(both);
      else uniform_(halves[round % 2]?.select(0, 3) ?? both);
      for (const half of halves) check(x, half, `after a write, round ${round}`);
    }
  });

  it('before every call, or not at all before two, never has a copy', () => {
    const [x, w] = [random([64, 784]), random([256, 784])];
    for (let step = 0; step < 40; step++) {
      check(x, w, `step ${step}`);
      if (step % 2 === 1) uniform_(w);
      expect(kept()).toBe(0);
    }
  });

  it('keeps the copy’s memory for one version, and no longer if it is not used', () => {
    const [x, w] = [random([64, 784]), random([256, 784])];
    uniform_(w);
    use(x, w);
    const bytes = kept();
    uniform_(w);
    expect(kept()).toBe(bytes);
    use(x, w);
    expect(kept()).toBe(bytes);
    uniform_(w);
    uniform_(w);
    expect(kept()).toBe(0);
    use(x, w);
  });

  it('by a step that is left out keeps its values', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const [x, w] = [random([64, 784]), new nn.Parameter(random([256, 784]))];
    const values = bytesOf(w);
    noGrad(() => use(x, w));
    const bytes = kept();
    const failing = gather(tensor([1, 2, 3]), 0, fromArray(new Int32Array([7]), [1]));
    backward(w.mul(failing).sum());
    new optim.SGD([w], { lr: 1 }).step();
    expect(kept()).toBe(bytes);
    expect(bytesOf(w).equals(values)).toBe(true);
    noGrad(() => use(x, w));
    await new Promise((done) => setImmediate(() => setImmediate(done)));
    expect(warn).toHaveBeenCalledTimes(1);
    vi.restoreAllMocks();
  });
});

describe('memory that other tensors take over', () => {
  it('brings no copy along, at the same address', () => {
    let reused = 0;
    for (const [m, k, n] of [
      [64, 784, 256],
      [64, 256, 10],
      [64, 16, 16],
      [20, 300, 1000],
    ] as const) {
      const x = random([m, k]);
      const blocks = new Set<number>();
      for (let round = 0; round < 30; round++) {
        const values = random([n, k]);
        const w = round % 3 === 0 ? values : values.mul(2);
        if (w !== values) values.dispose();
        if (blocks.has(w.storage.block)) reused++;
        blocks.add(w.storage.block);
        for (let call = 0; call < 1 + (round % 7); call++) check(x, w, `${k} x ${n}, round ${round}, call ${call}`);
        w.dispose();
        if (round % 10 === 9) engine.trim();
      }
      x.dispose();
    }
    expect(reused).toBeGreaterThan(100); // all rounds but the first two of each shape
  });

  it('has none after trim() gave the block back', () => {
    const x = random([40, 1000]);
    for (let round = 0; round < 10; round++) {
      const w = random([300, 1000]);
      use(x, w, `round ${round}`);
      w.dispose();
      engine.trim();
      expect(kept()).toBe(0);
    }
  });

  it('in one queue with the products that use both', () => {
    const x = random([64, 784]);
    const results: Tensor[] = [];
    const expected: Tensor[] = [];
    for (let round = 0; round < 60; round++) {
      const w = random([256, 784]);
      const other = w.clone();
      for (let call = 0; call < 1 + (round % 6); call++) matmul(x, transpose(w)).dispose();
      results.push(matmul(x, transpose(w)));
      expected.push(matmul(x, transpose(other)));
      w.dispose();
      other.dispose();
    }
    results.forEach((y, i) => expect(bytesOf(y).equals(bytesOf(expected[i] as Tensor)), `round ${i}`).toBe(true));
  });
});

describe('the memory of copies', () => {
  it('is given back by trim(), and made again', () => {
    const [x, w] = [random([64, 784]), random([256, 784])];
    use(x, w);
    const { reservedBytes } = engine.stats();
    const bytes = kept();
    expect(bytes).toBeGreaterThan(0);
    engine.trim();
    expect(kept()).toBe(0);
    expect(engine.stats().reservedBytes).toBeLessThanOrEqual(reservedBytes - bytes);
    use(x, w);
    expect(kept()).toBe(bytes);
  });

  it('is an eighth of the budget at most, and tensors come first', () => {
    const mb = 2 ** 20;
    const x = random([64, 512]);
    const weights = Array.from({ length: 12 }, () => random([512, 512])); // 1 MB each
    engine.setMemoryBudget(engine.stats().reservedBytes * 8);
    const most = engine.stats().budgetBytes / 8;
    for (let call = 0; call < 4; call++) for (const w of weights) matmul(x, transpose(w)).dispose();
    expect(kept()).toBeGreaterThan(6 * mb);
    expect(kept()).toBeLessThanOrEqual(most);
    engine.setMemoryBudget(Math.floor(engine.stats().reservedBytes * 1.2));
    weights.forEach((w, i) => check(x, w, `weight ${i}`));
    expect(kept()).toBe(0);
  });

  it('is freed with the thread that made them; threads do not see each other’s', { timeout: 120_000 }, () => {
    const script = fileURLToPath(new URL('kept-process.mjs', import.meta.url));
    expect(execFileSync(process.execPath, [script], { encoding: 'utf8' })).toContain('all is well');
  });
});
