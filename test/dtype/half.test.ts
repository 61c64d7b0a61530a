import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  add,
  backward,
  exp,
  fromArray,
  fromBits,
  full,
  gelu,
  linear,
  loadSafetensors,
  lt,
  matmul,
  mean,
  mul,
  neg,
  nn,
  optim,
  saveSafetensors,
  softmax,
  sum,
  tensor,
  to,
  transpose,
  weightHash,
  where,
  zeros,
  type DType,
  type Tensor,
} from '../../src/index.js';
import { dtypes, promote } from '../../src/core/dtype.js';
import { testFolder } from '../helpers/folder.js';
import { Integers } from '../helpers/integers.js';
import { arrayOf } from '../helpers/values.js';
import torch from '../fixtures/half.json' with { type: 'json' };

const halves = ['bf16', 'f16'] as const;
type Half = (typeof halves)[number];

/** Fraction bits, least exponent of a normal number, largest number. */
const formats = { bf16: { digits: 7, least: -126, most: (2 - 2 ** -7) * 2 ** 127 }, f16: { digits: 10, least: -14, most: 65504 } };

/** A pattern's value, from the definition of the format. */
function valueOf(bits: number, { digits, least }: (typeof formats)[Half]): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const top = 2 ** (15 - digits) - 1;
  const [exponent, fraction] = [(bits & 0x7fff) >> digits, bits & (2 ** digits - 1)];
  if (exponent === top) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction : fraction + 2 ** digits) * 2 ** (Math.max(exponent, 1) - 1 + least - digits);
}

/** x rounded to the nearest value of the format, halves to even; exact in f64 for x of f32. */
function round(x: number, { digits, least, most }: (typeof formats)[Half]): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const exponent = Math.max(least, Math.floor(Math.log2(Math.abs(x))));
  const quantum = 2 ** (exponent - digits);
  const [scaled, low] = [x / quantum, Math.floor(x / quantum)];
  const whole = scaled - low === 0.5 ? low + (Math.abs(low) % 2) : Math.round(scaled);
  const y = whole * quantum;
  return Math.abs(y) > most ? Math.sign(x) * Infinity : y === 0 ? x * 0 : y;
}

function sha(array: Uint16Array | Uint32Array): string {
  return createHash('sha256').update(new Uint8Array(array.buffer)).digest('hex');
}

const all = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** x converted, through a model that was converted: within 2 % of the largest result in f32, some dozen roundings of bf16. */
function expectNear(model: nn.Module & { call(x: Tensor): Tensor }, x: Tensor, kind: Half): void {
  model.eval();
  const want = arrayOf(model.call(x));
  model.to(kind);
  const got = model.call(x.dtype === 'f32' ? to(x, kind) : x);
  expect(got.dtype).toBe(kind);
  const most = Math.max(...want.map(Math.abs));
  arrayOf(got).forEach((v, i) => expect(Math.abs(v - (want[i] ?? NaN))).toBeLessThanOrEqual(0.02 * most));
}

describe.each(halves)('%s', (kind) => {
  const format = formats[kind];
  const eps = 2 ** -(format.digits + 1); // of one rounding, relative
  const own = (values: readonly number[] | Float64Array, shape: readonly number[]): Tensor => fromArray(values, shape, { dtype: kind });

  it('widens every pattern to its value, as PyTorch does', () => {
    const wide = to(fromBits(all, [65536], kind), 'f32').dataSync() as Float32Array;
    const wrong = [...all].filter((bits) => !Object.is(wide[bits], valueOf(bits, format)));
    expect(wrong).toEqual([]);
    const bits = new Uint32Array(wide.slice().buffer);
    wide.forEach((v, i) => (bits[i] = Number.isNaN(v) ? 0x7fc00000 : (bits[i] ?? 0)));
    expect(sha(bits)).toBe(torch[kind].widen);
  });

  it('comes back to the same pattern, NaN as the one quiet NaN', async () => {
    const back = await to(to(fromBits(all, [65536], kind), 'f32'), kind).bits();
    const nan = kind === 'bf16' ? 0x7fc0 : 0x7e00;
    expect(back.findIndex((bits, i) => bits !== (Number.isNaN(valueOf(i, format)) ? nan : i))).toBe(-1);
  });

  it('rounds every tie and its neighbours to even, as PyTorch does', async () => {
    const bits = new Uint32Array(65536 * torch.lows.length);
    for (let i = 0; i < bits.length; i++) bits[i] = (Math.floor(i / torch.lows.length) << 16) | (torch.lows[i % torch.lows.length] ?? 0);
    const x = new Float32Array(bits.buffer);
    const narrow = await to(fromArray(x, [x.length]), kind).bits();
    const wrong: string[] = [];
    for (let i = 0; i < x.length; i += 7) {
      const want = round(x[i] ?? NaN, format);
      const got = valueOf(narrow[i] ?? 0, format);
      if (!Object.is(got, want) && wrong.length < 5) wrong.push(`${String(x[i])}: ${got} for ${want}`);
    }
    expect(wrong).toEqual([]);
    expect(sha(narrow)).toBe(torch[kind].narrow);
  });

  it('rounds other dtypes by way of f32, and is cut to integers', () => {
    expect(arrayOf(to(tensor([1 + eps + 2 ** -40, 3], { dtype: 'f64' }), kind))).toEqual([1, 3]); // f32 first: a tie, then to even
    expect(arrayOf(to(tensor([2049, -7], { dtype: 'i32' }), kind))).toEqual([round(2049, format), -7]);
    expect(arrayOf(to(own([1.75, -2.5, NaN, 300], [4]), 'i8'))).toEqual([1, -2, 0, 127]);
    expect(arrayOf(to(own([0, 0.5], [2]), 'bool'))).toEqual([0, 1]);
    expect(arrayOf(to(own([1.5], [1]), 'f64'))).toEqual([1.5]);
    expect(arrayOf(to(tensor([true, false]), kind))).toEqual([1, 0]);
  });

  it('is read as values and as bits, printed, made and overwritten', async () => {
    const x = own([1, -2, 0.1], [3]);
    expect(x.dataSync()).toBeInstanceOf(Float32Array);
    expect(arrayOf(x)).toEqual([1, -2, round(Math.fround(0.1), format)]);
    expect((await x.bits())[1]).toBe(0xc000);
    expect(await x.format()).toContain(kind);
    expect(arrayOf(full([2], 0.1, { dtype: kind }))).toEqual([round(Math.fround(0.1), format), round(Math.fround(0.1), format)]);
    expect(arrayOf(x.setData([4, 5, 6]))).toEqual([4, 5, 6]);
    expect(arrayOf(transpose(own([1, 2, 3, 4, 5, 6], [2, 3])).contiguous())).toEqual([1, 4, 2, 5, 3, 6]);
    expect([...(await transpose(own([1, 2, 3, 4], [2, 2])).bits())]).toEqual([...(await own([1, 3, 2, 4], [2, 2]).bits())]);
    await expect(tensor([1]).bits()).rejects.toThrow(/bits: x must be bf16 or f16, got f32/);
    expect(() => fromBits(all, [3], kind)).toThrow(/fromBits: shape \[3\] has 3 elements, bits has 65536/);
  });

  it('computes elementwise in f32 and rounds once, for any layout', () => {
    const draw = new Integers(1);
    const numbers = (n: number): Float64Array => Float64Array.from({ length: n }, () => draw.next(-3000, 3000) / 1000);
    for (const n of [1, 15, 16, 17, 511, 513, 70000]) {
      const [x, y] = [own(numbers(n), [n]), own(numbers(n), [n])];
      const [wx, wy] = [to(x, 'f32'), to(y, 'f32')];
      for (const [got, wide] of [
        [add(x, y), add(wx, wy)],
        [mul(x, y), mul(wx, wy)],
        [exp(x), exp(wx)],
        [gelu(x), gelu(wx)],
        [x.clamp(-1, 1), wx.clamp(-1, 1)],
        [x.mul(0.3), wx.mul(0.3)],
        [where(lt(x, y), x, y), where(lt(wx, wy), wx, wy)],
      ] as const) {
        expect(got.dtype).toBe(kind);
        expect(arrayOf(got)).toEqual(arrayOf(to(wide, kind)));
      }
      expect(arrayOf(lt(x, y))).toEqual(arrayOf(lt(wx, wy)));
    }
    const [a, b] = [own(numbers(6 * 70), [6, 70]), own(numbers(70), [70])];
    expect(arrayOf(add(a, b))).toEqual(arrayOf(to(add(to(a, 'f32'), to(b, 'f32')), kind)));
    const turned = transpose(a);
    expect(arrayOf(mul(turned, turned))).toEqual(arrayOf(to(mul(to(turned, 'f32'), to(turned, 'f32')), kind)));
  });

  it('adds, negates, widens and rounds every pattern the same wherever it stands, at any length', async () => {
    const [x, y] = [all, all.map((bits) => (bits * 40503 + 12345) & 0xffff)].map((bits) => fromBits(bits, [65536], kind)) as [
      Tensor,
      Tensor,
    ];
    const [wx, wy] = [to(x, 'f32'), to(y, 'f32')];
    const [sum, opposite] = [await to(add(wx, wy), kind).bits(), await to(neg(wx), kind).bits()];
    const wide = arrayOf(wx);
    const starts = [0, 127 * 256, 255 * 256 - 30, 65536 - 67]; // among them infinities and NaN
    const cuts = starts.flatMap((start) =>
      Array.from({ length: 68 }, (_, n) => [start + (n % 5), Math.min(start + (n % 5) + n, 65536)] as const),
    );
    for (const [from, end] of [[0, 65536] as const, ...cuts]) {
      const [px, py] = [x.slice([[from, end]]), y.slice([[from, end]])];
      expect(await add(px, py).bits()).toEqual(sum.subarray(from, end));
      expect(await neg(px).bits()).toEqual(opposite.subarray(from, end));
      expect(arrayOf(to(px, 'f32'))).toEqual(wide.slice(from, end));
      expect(await to(add(wx.slice([[from, end]]), wy.slice([[from, end]])), kind).bits()).toEqual(sum.subarray(from, end));
    }
  });

  it('is promoted as in PyTorch', () => {
    expect(add(own([1], [1]), tensor([1])).dtype).toBe('f32');
    expect(add(own([1], [1]), tensor([1], { dtype: 'f64' })).dtype).toBe('f64');
    expect(add(own([1], [1]), tensor([1], { dtype: 'i64' })).dtype).toBe(kind);
    expect(add(own([1], [1]), 1.5).dtype).toBe(kind);
    expect(add(tensor([1], { dtype: 'bf16' }), tensor([1], { dtype: 'f16' })).dtype).toBe('f32');
  });

  it('multiplies matrices in f32 and rounds once, next to f32 too', () => {
    const draw = new Integers(2);
    const numbers = (n: number): Float64Array => Float64Array.from({ length: n }, () => draw.next(-1000, 1000) / 700);
    for (const [m, n, k] of [
      [1, 70, 130],
      [13, 33, 70],
      [40, 50, 500],
    ] as const) {
      const [x, w, b] = [own(numbers(m * k), [m, k]), own(numbers(n * k), [n, k]), own(numbers(n), [n])];
      const [wx, ww, wb] = [to(x, 'f32'), to(w, 'f32'), to(b, 'f32')];
      expect(arrayOf(matmul(x, transpose(w)))).toEqual(arrayOf(to(matmul(wx, transpose(ww)), kind)));
      expect(arrayOf(linear(x, w, b))).toEqual(arrayOf(to(linear(wx, ww, wb), kind)));
      const mixed = linear(wx, w, b);
      expect(mixed.dtype).toBe('f32');
      expect(arrayOf(mixed)).toEqual(arrayOf(linear(wx, ww, wb)));
    }
  });

  it('sums in f32', () => {
    const x = full([5000], 1, { dtype: kind });
    expect(arrayOf(sum(x))).toEqual([round(5000, format)]);
    expect(arrayOf(mean(x))).toEqual([1]);
    expect(arrayOf(softmax(own([1, 2, 3], [3])))).toEqual(arrayOf(to(softmax(to(own([1, 2, 3], [3]), 'f32')), kind)));
  });

  it('has the gradients of f32 up to the roundings of its significand', () => {
    const draw = new Integers(3);
    const numbers = (n: number): Float64Array => Float64Array.from({ length: n }, () => round(draw.next(100, 1000) / 700, format));
    const values = [numbers(6 * 20), numbers(8 * 20), numbers(8)] as const;
    const shapes = [[6, 20], [8, 20], [8]] as const;
    const gradients = (dtype: DType): number[][] => {
      const [x, w, b] = values.map((v, i) => fromArray(v, shapes[i] ?? [], { dtype, requiresGrad: true })) as [Tensor, Tensor, Tensor];
      const y = linear(x, w, b);
      backward(sum(mul(mul(y, y), to(tensor(0.01), dtype))));
      return [x, w, b].map((t) => {
        expect(t.grad?.dtype).toBe(dtype);
        return arrayOf(t.grad!);
      });
    };
    const [got, want] = [gradients(kind), gradients('f64')];
    // All terms are positive: relative errors only add. y, y y, 0.01, g, 2 g y and the product's rounding: eight at most.
    want.forEach((w, i) => w.forEach((v, j) => expect(Math.abs((got[i]?.[j] ?? NaN) - v)).toBeLessThanOrEqual(8 * eps * v)));
  });

  it('goes to a file and back as it is', async () => {
    const path = join(folder, `${kind}.safetensors`);
    const state = { a: fromBits(all.slice(0, 30000), [300, 100], kind), b: tensor([1, 2]) };
    await saveSafetensors(path, state);
    expect(readFileSync(path).length).toBeLessThan(60000 + 8 + 300);
    const back = await loadSafetensors(path);
    expect(back.get('a')!.dtype).toBe(kind);
    expect(sha(await back.get('a')!.bits())).toBe(sha(all.slice(0, 30000)));
    expect(await weightHash(back)).toBe(await weightHash(state));
    expect((await loadSafetensors(path, { widen: true })).get('a')!.dtype).toBe('f32');
  });

  it('serves whole models: a transformer, convolutions with normalization, an LSTM, an embedding', () => {
    const draw = new Integers(9);
    const input = (...shape: number[]): Tensor =>
      fromArray(
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => draw.next(-1000, 1000) / 500),
        shape,
      );
    expectNear(new nn.TransformerEncoderLayer(16, 2, { dimFeedforward: 32 }), input(2, 5, 16), kind);
    const image = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.BatchNorm2d(8), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten());
    expectNear(image, input(2, 3, 12, 12), kind);
    expectNear(new nn.Sequential(new nn.Embedding(7, 12), new nn.LayerNorm([12])), tensor([[1, 6, 0]], { dtype: 'i64' }), kind);
    const lstm = new nn.LSTM(6, 5);
    const x = input(4, 2, 6);
    const want = arrayOf(lstm.call(x)[0]);
    lstm.to(kind);
    arrayOf(lstm.call(to(x, kind))[0]).forEach((v, i) => expect(Math.abs(v - (want[i] ?? NaN))).toBeLessThanOrEqual(0.02));
  });

  it('is what modules are converted to for inference; optimizers say that they do not take it', () => {
    const layer = new nn.Linear(4, 3);
    const x = zeros([2, 4]).add(0.5);
    const wide = arrayOf(layer.call(x));
    layer.to(kind);
    expect(layer.weight.dtype).toBe(kind);
    const y = layer.call(to(x, kind));
    expect(y.dtype).toBe(kind);
    arrayOf(y).forEach((v, i) => expect(Math.abs(v - (wide[i] ?? NaN))).toBeLessThanOrEqual(8 * eps));
    expect(() => new optim.SGD(layer.parameters(), { lr: 1 })).toThrow(
      /must be f32 or f64, got \w+: updates would be lost in rounding; train with/,
    );
  });
});

const folder = testFolder();

it('dtypes are promoted as PyTorch promotes them', () => {
  const wrong: string[] = [];
  for (const a of dtypes) {
    for (const b of dtypes) {
      const key: keyof typeof torch.promote = `${a} ${b}`;
      const want = torch.promote[key];
      // i16, which PyTorch gives for u8 with i8, is i32 here.
      if (promote(a, b) !== (want === 'none' ? 'i32' : want)) wrong.push(`${key}: ${promote(a, b)} for ${want}`);
    }
  }
  expect(wrong).toEqual([]);
});
