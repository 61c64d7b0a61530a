/** Random problems for elementwise functions and for what moves elements. */
import { size } from '../helpers/nd.js';
import { withAt } from '../helpers/nd.js';
import type { Choices, Maker } from './choices.js';

const anyValue = { low: -2, high: 2 };

/** Some axes of length 1, leading ones left out: it broadcasts to the shape. */
function thinner(g: Choices, shape: readonly number[]): number[] {
  if (g.maybe()) return [...shape];
  const kept = shape.slice(g.rarely(3) ? g.next(0, shape.length) : 0);
  return kept.map((n) => (g.rarely(3) ? 1 : n));
}

/** As many inputs as one of the row's cases has, with its attributes. */
export const elementwise: Maker = (g, row) => {
  const one = g.pick(row.cases);
  const shape = g.shape(g.next(0, 4));
  const shapes = one.shapes.map((_, i) => (i === 0 && !g.rarely(3) ? [...shape] : thinner(g, shape)));
  return one.attrs === undefined ? { shapes } : { shapes, attrs: one.attrs };
};

const plain: Maker = (g) => ({ shapes: [g.shape(g.next(0, 5))] });
const onShape =
  (least: number, attrs: (g: Choices, shape: readonly number[]) => object, most = 4): Maker =>
  (g) => {
    const shape = g.shape(g.next(least, most), g.most / 2);
    return { shapes: [shape], attrs: attrs(g, shape) };
  };
const axisOf = (g: Choices, shape: readonly number[]): number => g.next(0, shape.length - 1);

/** The same elements in another shape: neighbouring axes joined, or one cut. */
function reshaped(g: Choices, shape: readonly number[]): number[] {
  const d = axisOf(g, shape);
  const n = shape[d] ?? 1;
  const divisor = [2, 3, 5, 7].find((p) => n % p === 0 && g.maybe());
  if (divisor !== undefined) return [...shape.slice(0, d), divisor, n / divisor, ...shape.slice(d + 1)];
  return d === 0 ? [-1] : [...shape.slice(0, d - 1), (shape[d - 1] ?? 1) * n, ...shape.slice(d + 1)];
}

function range(g: Choices, n: number): (number | null)[] | null {
  if (g.maybe()) return null;
  const [a, b] = [g.next(0, n), g.next(0, n)];
  const by = g.next(1, 4);
  return g.rarely(3) ? [Math.max(a, b), a === b ? null : Math.min(a, b), -by] : [Math.min(a, b), Math.max(a, b) + 1, by];
}

const parts = (g: Choices, n: number): number[] => {
  const first = g.next(0, n);
  const second = g.next(0, n - first);
  return [first, second, n - first - second];
};

const cat: Maker = (g) => {
  const shape = g.shape(g.next(1, 4), g.most / 3);
  const axis = axisOf(g, shape);
  const count = g.next(1, 5);
  return { shapes: Array.from({ length: count }, () => withAt(shape, axis, g.next(0, shape[axis] ?? 1))), attrs: { axis } };
};
const stack: Maker = (g) => {
  const shape = g.shape(g.next(0, 3), g.most / 3);
  return { shapes: Array.from({ length: g.next(1, 4) }, () => shape), attrs: { axis: g.next(-1, shape.length) } };
};
const pad: Maker = (g) => {
  const shape = g.shape(g.next(1, 3), g.most / 4);
  const mode = g.pick(['constant', 'reflect', 'replicate', 'circular']);
  if (mode === 'constant') {
    const padding = shape
      .flatMap(() => [g.next(0, 5) - 1, g.next(0, 5)])
      .map((n, i) => ((shape[shape.length - 1 - (i >> 1)] ?? 0) < 2 ? Math.abs(n) : n));
    return { shapes: [shape], attrs: { padding, value: g.next(0, 2) } };
  }
  const row = g.size(g.most / 16);
  const room = mode === 'reflect' ? row - 1 : row;
  return { shapes: [[2, g.size(9), row]], attrs: { mode, padding: [g.next(0, Math.min(room, 9)), g.next(0, Math.min(room, 9))] } };
};

/** x, and an index of the same rank that is no larger elsewhere than along the axis. */
function indexed(g: Choices): { x: number[]; index: number[]; axis: number; draw: { low: number; high: number; dtype: 'i64' | 'i32' } } {
  const x = g.shape(g.next(1, 3), g.most / 2);
  const axis = axisOf(g, x);
  const index = x.map((n, d) => (d === axis ? g.size(Math.max(1, g.most / 2 / (size(x) / n))) : g.rarely(3) ? g.next(1, n) : n));
  return { x, index, axis, draw: { low: 0, high: x[axis] ?? 1, dtype: g.pick(['i64', 'i32']) } };
}
const gather: Maker = (g) => {
  const { x, index, axis, draw } = indexed(g);
  return { shapes: [x, index], attrs: { axis }, inputs: [anyValue, draw] };
};
const scatterAdd: Maker = (g) => {
  const { x, index, axis, draw } = indexed(g);
  return { shapes: [x, index, index], attrs: { axis }, inputs: [anyValue, draw, anyValue] };
};
const scatter: Maker = (g) => {
  const { x, index, axis } = indexed(g);
  const n = x[axis] ?? 1;
  const distinct = n % 2 === 1 ? n : n / 2;
  return { shapes: [x, withAt(index, axis, Math.min(index[axis] ?? 1, distinct))], attrs: { axis } };
};
const indexSelect: Maker = (g) => {
  const { x, index, axis, draw } = indexed(g);
  return { shapes: [x, [index[axis] ?? 1]], attrs: { axis }, inputs: [anyValue, draw] };
};
const indexAdd: Maker = (g) => {
  const { x, index, axis, draw } = indexed(g);
  const n = index[axis] ?? 1;
  return { shapes: [x, [n], withAt(x, axis, n)], attrs: { axis }, inputs: [anyValue, draw, anyValue] };
};
const embedding: Maker = (g) => {
  const [count = 1, rows = 1, columns = 1] = g.shape(3, 4 * g.most);
  const dtype = g.pick(['i64', 'i32']);
  return { shapes: [g.maybe() ? [count] : [2, count], [rows, columns]], inputs: [{ low: 0, high: rows, dtype }, anyValue] };
};

export const moveProblems: Readonly<Record<string, Maker>> = {
  clone: plain,
  contiguous: (g) => ({ shapes: [g.shape(2)] }),
  reshape: onShape(1, (g, shape) => ({ shape: reshaped(g, shape) })),
  permute: onShape(1, (g, shape) => ({ axes: g.order(shape.length) }), 5),
  transpose: onShape(2, (g, shape) => ({ axes: [g.axis(shape.length), g.axis(shape.length)] })),
  movedim: onShape(1, (g, shape) => ({ from: g.axis(shape.length), to: g.axis(shape.length) })),
  expand: onShape(1, (g, shape) => ({ shape: [g.next(1, 3), ...shape] })),
  broadcastTensors: (g) => {
    const shape = g.shape(g.next(0, 4));
    return { shapes: [thinner(g, shape), thinner(g, shape)] };
  },
  flatten: onShape(2, (g, shape) => {
    const from = axisOf(g, shape);
    return { from, to: g.next(from, shape.length - 1) };
  }),
  squeeze: (g) => ({ shapes: [[1, ...g.shape(g.next(0, 3)), 1]], attrs: { axis: 0 } }),
  unsqueeze: onShape(0, (g, shape) => ({ axis: g.next(0, shape.length) })),
  cat,
  stack,
  repeat: onShape(0, (g, shape) => ({ reps: [...(g.maybe() ? [2] : []), ...shape.map(() => g.next(1, 3))] }), 3),
  tile: onShape(0, (g, shape) => ({ reps: shape.map(() => g.next(1, 3)) }), 3),
  repeatInterleave: onShape(1, (g, shape) => ({ n: g.next(1, 3), axis: axisOf(g, shape) })),
  roll: onShape(1, (g, shape) => ({ shift: g.next(0, 80) - 40, ...(g.maybe() ? { axis: axisOf(g, shape) } : {}) })),
  pad,
  slice: onShape(1, (g, shape) => ({ ranges: shape.map((n) => range(g, n)) })),
  narrow: onShape(1, (g, shape) => {
    const axis = axisOf(g, shape);
    const start = g.next(0, shape[axis] ?? 0);
    return { axis, start, length: g.next(0, (shape[axis] ?? 0) - start) };
  }),
  flip: onShape(1, (g, shape) => ({ axis: shape.map((_, d) => d).filter(() => g.maybe()) })),
  select: onShape(1, (g, shape) => {
    const axis = axisOf(g, shape);
    return { axis, index: g.next(0, (shape[axis] ?? 1) - 1) };
  }),
  unbind: (g) => ({ shapes: [[g.next(1, 5), ...g.shape(g.next(0, 2), g.most / 5)]], attrs: { axis: 0 } }),
  split: onShape(1, (g, shape) => {
    const axis = axisOf(g, shape);
    return { axis, size: parts(g, shape[axis] ?? 0) };
  }),
  diagonal: onShape(2, (g, shape) => ({ offset: g.next(0, 20) - 10, axes: g.order(shape.length).slice(0, 2) })),
  tril: onShape(2, (g) => ({ k: g.next(0, 20) - 10 })),
  triu: onShape(2, (g) => ({ k: g.next(0, 20) - 10 })),
  gather,
  scatterAdd,
  scatter,
  indexSelect,
  indexAdd,
  embedding,
  oneHot: (g) => {
    const classes = g.size(70);
    return {
      shapes: [g.shape(g.next(0, 2), g.most / classes)],
      attrs: { classes },
      inputs: [{ low: 0, high: classes, dtype: g.pick(['i64', 'i32']) }],
    };
  },
  maskedFill: (g) => {
    const shape = g.shape(g.next(0, 4));
    return { shapes: [shape, thinner(g, shape)], attrs: { value: 7 } };
  },
  dropout: (g) => ({ shapes: [g.shape(g.next(0, 4))], attrs: { p: g.pick([0.5, 0.25, 0.125]) } }),
  bernoulli: plain,
  uniform_: plain,
  normal_: plain,
};
