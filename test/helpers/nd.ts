/** The reference side of the op table: row-major f64 arrays and plain loops, independent of the engine. */
export interface Nd {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** An array with element f(index) at each multi-index, in row-major order. */
export function build(shape: readonly number[], f: (index: readonly number[]) => number): Nd {
  const data = new Float64Array(size(shape));
  const index = shape.map(() => 0);
  for (let at = 0; at < data.length; at++) {
    data[at] = f(index);
    for (let d = shape.length - 1; d >= 0; d--) {
      const next = (index[d] ?? 0) + 1;
      index[d] = next < (shape[d] ?? 0) ? next : 0;
      if (next < (shape[d] ?? 0)) break;
    }
  }
  return { shape: [...shape], data };
}

/** The element at a multi-index. */
export function at(x: Nd, index: readonly number[]): number {
  let flat = 0;
  for (let d = 0; d < x.shape.length; d++) flat = flat * (x.shape[d] ?? 1) + (index[d] ?? 0);
  const value = x.data[flat];
  if (value === undefined) throw new RangeError(`index [${index.join()}] outside [${x.shape.join()}]`);
  return value;
}

/** An element of x for each element of a new shape. */
export function pick(x: Nd, shape: readonly number[], where: (index: readonly number[]) => readonly number[]): Nd {
  return build(shape, (index) => at(x, where(index)));
}

/** A list with another number at position i. */
export const withAt = (list: readonly number[], i: number, v: number): number[] => list.map((n, d) => (d === i ? v : n));
/** A list without position i. */
export const drop = (list: readonly number[], i: number): number[] => list.filter((_, d) => d !== i);
/** A list with one more number, before position i. */
export const insert = (list: readonly number[], i: number, v: number): number[] => [...list.slice(0, i), v, ...list.slice(i)];

/** f on every element. */
export function map(x: Nd, f: (v: number) => number): Nd {
  return { shape: x.shape, data: x.data.map((v) => f(v)) };
}

/** f on every pair of elements, with NumPy broadcasting. */
export function zip(x: Nd, y: Nd, f: (a: number, b: number) => number): Nd {
  const rank = Math.max(x.shape.length, y.shape.length);
  const dim = (s: readonly number[], d: number): number => s[d - (rank - s.length)] ?? 1;
  const shape = Array.from({ length: rank }, (_, d) => (dim(x.shape, d) === 1 ? dim(y.shape, d) : dim(x.shape, d)));
  const pick = (n: Nd, index: readonly number[]): number =>
    at(
      n,
      n.shape.map((m, d) => (m === 1 ? 0 : (index[d + rank - n.shape.length] ?? 0))),
    );
  return build(shape, (index) => f(pick(x, index), pick(y, index)));
}

/** Folds each group of elements that differ only along `axes`; the groups keep row-major order. */
export function reduce(x: Nd, axes: readonly number[], keepdims: boolean, f: (values: readonly number[]) => number): Nd {
  const kept = x.shape.map((n, d) => (axes.includes(d) ? 1 : n));
  const inner = axes.map((d) => x.shape[d] ?? 1);
  const full = build(kept, (index) => {
    const values: number[] = [];
    build(inner, (j) => {
      const where = [...index];
      axes.forEach((d, k) => (where[d] = j[k] ?? 0));
      values.push(at(x, where));
      return 0;
    });
    return f(values);
  });
  return keepdims ? full : { shape: x.shape.filter((_, d) => !axes.includes(d)), data: full.data };
}

/** f on every row along `axis`; a row becomes a row of the same length. */
export function along(x: Nd, axis: number, f: (values: readonly number[]) => readonly number[]): Nd {
  const d = axis < 0 ? axis + x.shape.length : axis;
  const length = x.shape[d] ?? 1;
  const rows = new Map<string, readonly number[]>();
  return build(x.shape, (index) => {
    const key = index.map((i, k) => (k === d ? 0 : i)).join();
    let row = rows.get(key);
    if (row === undefined) {
      row = f(Array.from({ length }, (_, i) => at(x, index.with(d, i))));
      rows.set(key, row);
    }
    return row[index[d] ?? 0] ?? 0;
  });
}
