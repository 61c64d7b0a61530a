/** A trial's results against a reference, and its bits in other layouts and with two threads against those of contiguous inputs and one. */
import { engine, scope, to, type DType, type Tensor } from '../../src/index.js';
import { bitsOf, call, callWithGradients, difference } from '../helpers/calls.js';
import { mismatch, naiveOf } from '../helpers/close.js';
import { drawCotangent, isFloat, toNd, toTensor, toTensors, type Drawn } from '../helpers/draw.js';
import { layAt } from '../helpers/layouts.js';
import type { Nd } from '../helpers/nd.js';
import { random } from '../helpers/random.js';
import { caseName, drawOf, dtypesOf, gradientsOf } from '../table/index.js';
import type { Answer, Question } from './torch.js';
import { accepted, type Trial } from './trial.js';

type Float = 'f32' | 'f64';

interface Results {
  readonly outs: readonly (Nd & { readonly dtype: DType })[];
  readonly grads: readonly Nd[];
}

const inDtype = (xs: readonly Drawn[], dtype: DType): Drawn[] =>
  xs.map((x) => (isFloat(x.dtype) && isFloat(dtype) && x.dtype === 'f64' ? { ...x, dtype } : x));

function run({ row, one }: Trial, inputs: readonly Drawn[]): Results {
  const xs = dtypesOf(row).includes('f64') ? inputs : inDtype(inputs, 'f32');
  return scope(() => {
    const floating = xs.some((x) => isFloat(x.dtype));
    const tensors = toTensors(xs);
    const { outs, grads } = floating ? callWithGradients(row, one, tensors) : { outs: call(row, one, tensors), grads: [] };
    return { outs: outs.map((out) => ({ ...toNd(out), dtype: out.dtype })), grads: grads.map(toNd) };
  });
}

const cotangentsOf = ({ row, one }: Trial, outs: readonly Nd[]): Nd[] =>
  outs.map(({ shape }, i) => drawCotangent(`${row.name} ${caseName(one)} ${i}`, shape));

/** What PyTorch is asked; null where it has no such op. Throws what the op throws. */
export function questionOf(trial: Trial): Question | null {
  const { row, one, drawn, dtype } = trial;
  if (typeof row.torch !== 'string') return null;
  const floating = dtype === 'f64';
  const outs = floating ? run(trial, drawn).outs : [];
  const gradients = floating ? gradientsOf(row, one) : [];
  // PyTorch wants i64 for positions.
  const inputs = drawn.map((x, i) => (x.dtype === 'i32' && drawOf(row, i).dtype === 'i32' ? { ...x, dtype: 'i64' as const } : x));
  return { torch: row.torch, attrs: one.attrs, inputs, cotangents: cotangentsOf(trial, outs), gradients };
}

/** The reference in plain loops. */
export function loopsOf({ row, one, drawn }: Trial): Answer {
  return { outputs: naiveOf(row, one, drawn) };
}

const step = 2 ** -26;

/** The largest change that inputs changed by rounding would make, for each result and gradient: the scale of errors (test/helpers/close.ts). */
function scalesOf(trial: Trial, { outs, grads }: Results): { outs: Float64Array[]; grads: Float64Array[] } {
  const largest = (list: readonly Nd[]): number[] =>
    list.map(({ data }) => data.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0));
  // Gradients may cancel altogether. They are sums of cotangents, which are near 1 and rounded too: of n for each, where results are n times as many.
  const count = outs.reduce((n, { data }) => n + data.length, 0);
  const forGrads = largest(grads).map((v, r) => Math.max(v, 1, Math.sqrt(count / Math.max(1, grads[r]?.data.length ?? 1))));
  // So may a variance, which then is the square of an error.
  const forOuts = largest(outs).map((v) => Math.max(v, 1e-4));
  const rng = random('perturbation');
  for (let k = 0; k < 2; k++) {
    const moved = trial.drawn.map((x) =>
      x.dtype === 'f64' ? { ...x, data: x.data.map((v) => v * (1 + (rng.next() < 0.5 ? -step : step))) } : x,
    );
    const there = run(trial, moved);
    const add = (scale: number[], a: readonly Nd[], b: readonly Nd[]): void =>
      a.forEach(({ data }, r) => {
        const base = scale[r] ?? 0;
        data.forEach((v, i) => {
          const change = Math.abs(v - (b[r]?.data[i] ?? NaN)) / step;
          if (Number.isFinite(change)) scale[r] = Math.max(scale[r] ?? 0, base + change);
        });
      });
    add(forOuts, outs, there.outs);
    add(forGrads, grads, there.grads);
  }
  const fill = (list: readonly Nd[], scale: readonly number[]): Float64Array[] =>
    list.map(({ data }, r) => new Float64Array(data.length).fill(scale[r] ?? 0));
  return { outs: fill(outs, forOuts), grads: fill(grads, forGrads) };
}

/** Ops that give a gradient to one of several equal elements, and need not agree which. */
const choosy =
  /^(max|min|norm|topk|adaptiveMax|maxPool|maximum|minimum|sort|abs|sign|relu|clamp|hardtanh|l1|huber|smooth|leaky|elu|where|pow|rnn|prod|variance|std)/;

/** The first difference from the reference, as text, or null. */
function compare(
  trial: Trial,
  answer: Answer,
  dtype: DType,
  got: Results,
  scales: { outs: Float64Array[]; grads: Float64Array[] },
): string | null {
  if (got.outs.length !== answer.outputs.length) return `${got.outs.length} results, expected ${answer.outputs.length}`;
  for (const [i, out] of got.outs.entries()) {
    if (i > 0 && trial.ties && trial.row.name === 'topk') continue; // PyTorch takes any of equals
    const want = answer.outputs[i] ?? out;
    const found = mismatch(out, want, scales.outs[i] ?? new Float64Array(want.data.length), out.dtype, accepted[dtype as Float]);
    if (found !== null) return `${dtype} result ${i}: ${found}`;
  }
  if (trial.special) return null;
  if (trial.ties && choosy.test(trial.row.name)) return null;
  for (const [i, gradient] of got.grads.entries()) {
    const known = answer.gradients?.[i];
    if (known === undefined) continue;
    const want = known ?? { shape: gradient.shape, data: new Float64Array(gradient.data.length) };
    const found = mismatch(gradient, want, scales.grads[i] ?? new Float64Array(0), dtype, accepted[dtype as Float]);
    if (found !== null) return `${dtype} gradient ${i}: ${found}`;
  }
  return null;
}

/**
 * Whether it, or a gradient, is a product with a vector: where its matrix lies decides in which order that adds (docs/numerics.md). Recurrent layers have one where a
 * sequence, a batch, the features or the state has one element.
 */
function isVectorProduct({ row, one }: Trial): boolean {
  if (/^(rnn|gru|lstm)$/.test(row.name)) return one.shapes.slice(0, 3).flat().includes(1);
  return /^(matmul|linear)$/.test(row.name) && one.shapes.slice(0, 2).some((shape) => shape.length < 2 || shape.slice(-2).includes(1));
}

function layoutDifference(trial: Trial, dtype: DType): string | null {
  const { row, one, drawn, places } = trial;
  if (trial.special) return null; // which of two NaN a sum keeps is left to the machine
  const xs = inDtype(drawn, dtype);
  const before = engine.stats().threads;
  const bits = (tensors: () => readonly Tensor[], threads: number): ReturnType<typeof bitsOf> => {
    engine.setThreads(threads);
    return scope(() => bitsOf(row, one, dtype, tensors()));
  };
  try {
    return scope(() => {
      const laid = xs.map((x, i) => layAt(x, places[i] ?? { strides: [], offset: 0, length: x.data.length }));
      const want = bits(() => (isVectorProduct(trial) ? laid.map(({ tensor }) => tensor) : toTensors(xs)), 1);
      const got = bits(() => laid.map(({ tensor }) => tensor), 2);
      for (const one of laid) one.verify();
      const found = difference('result', got.outs, want.outs) ?? difference('gradient', got.grads, want.grads);
      return found === null ? null : `${dtype}, contiguous (but for vectors) with one thread and laid out with two: ${found}`;
    });
  } finally {
    engine.setThreads(before);
  }
}

/** Relative error of one rounding, and how much of it later steps may make. */
const roundings = { bf16: 2 ** -8, f16: 2 ** -11 } as const;
const grown = 4;

/** 16 bits: the op in f32 on the same numbers, rounded once or as often as the row says. */
function halfDifference({ row, one, drawn }: Trial, kind: keyof typeof roundings): string | null {
  const { halves = 1 } = row;
  if (halves === null || !dtypesOf(row).includes('f32')) return null;
  // A recurrence of many steps makes anything of a rounding.
  if (row.family === 'recurrent' && (drawn[0]?.data.length ?? 0) > 20) return null;
  return scope(() => {
    const xs = inDtype(drawn, 'f32').map((x) => (x.dtype === 'f32' ? to(toTensor(x, 'f32'), kind) : toTensor(x, x.dtype)));
    const outs = call(row, one, xs);
    const wide = call(
      row,
      one,
      xs.map((x) => (x.dtype === kind ? to(x, 'f32') : x)),
    );
    for (const [i, out] of outs.entries()) {
      const exact = wide[i] ?? out;
      const [a, b, c] = [out, exact, to(exact, out.dtype)].map((t) => toNd(t).data) as [Float64Array, Float64Array, Float64Array];
      const most = b.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0);
      const at = a.findIndex(
        (v, j) => !Object.is(v, c[j]) && (halves === 1 || !(Math.abs(v - (b[j] ?? NaN)) <= grown * halves * roundings[kind] * most)),
      );
      if (at >= 0) return `${kind} result ${i}: element ${at} is ${String(a[at])}, in f32 ${String(b[at])}`;
    }
    return null;
  });
}

/** Central differences of the loops along a random direction against the gradient's component: sees every element at once. */
function slopeDifference(trial: Trial, got: Results): string | null {
  const { row, one, drawn } = trial;
  const wanted = gradientsOf(row, one);
  if (got.grads.length === 0 || trial.ties || trial.special || !got.grads.every(({ data }) => data.every(Number.isFinite))) return null;
  const rng = random(`${trial.seed} direction`);
  const h = 2 ** -20;
  const away = drawn.map(({ data }, i) => data.map(() => (wanted.includes(i) ? rng.next() - 0.5 : 0)));
  const value = (sign: number): number => {
    const moved = drawn.map((x, i) => ({ ...x, data: x.data.map((v, j) => v + sign * h * (away[i]?.[j] ?? 0)) }));
    const outs = naiveOf(row, one, moved);
    const seeds = cotangentsOf(trial, outs);
    return outs.reduce(
      (sum, y, r) => (got.outs[r]?.dtype === 'f64' ? y.data.reduce((s, v, i) => s + v * (seeds[r]?.data[i] ?? NaN), sum) : sum),
      0,
    );
  };
  const [above, below] = [value(1), value(-1)];
  let [slope, scale] = [0, 1];
  got.grads.forEach((g, k) =>
    g.data.forEach((v, j) => {
      slope += v * (away[wanted[k] ?? 0]?.[j] ?? 0);
      scale += Math.abs(v);
    }),
  );
  const expected = (above - below) / (2 * h);
  // The mean of nothing is no number, its slope is nothing.
  if (!Number.isFinite(expected)) return null;
  const rounding = ((Math.abs(above) + got.outs.reduce((n, y) => n + y.data.reduce((s, v) => s + Math.abs(v), 0), 0)) * 2 ** -50) / h;
  const wrong = Math.abs(slope - expected);
  return wrong <= 1e-5 * scale + rounding ? null : `gradient along a direction is ${slope}, by differences ${expected}`;
}

/** The first thing that is wrong with a trial, as text, or null. */
export function failureOf(trial: Trial, answer: Answer): string | null {
  const { drawn, dtype, row } = trial;
  const got = run(trial, drawn);
  if (dtype !== 'f64') {
    const none = { outs: [], grads: [] };
    return compare(trial, answer, dtype, got, none) ?? layoutDifference(trial, dtype);
  }
  const scales = scalesOf(trial, got);
  const dtypes = dtypesOf(row).filter(isFloat);
  const kinds = ['bf16', 'f16'] as const;
  const one = random(`${trial.seed} dtype`);
  const slope = answer.gradients === undefined && row.kink === undefined && dtypes.includes('f64') ? slopeDifference(trial, got) : null;
  return (
    dtypes.reduce<string | null>((found, kind) => found ?? compare(trial, answer, kind, run(trial, inDtype(drawn, kind)), scales), null) ??
    slope ??
    layoutDifference(trial, dtypes[one.below(dtypes.length)] ?? 'f32') ??
    halfDifference(trial, kinds[one.below(2)] ?? 'bf16')
  );
}
