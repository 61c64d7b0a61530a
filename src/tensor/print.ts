import { isFloating, type DataArray, type DType } from '../core/dtype.js';
import { formatShape, sizeOf, type Shape } from '../core/shape.js';

/** Values of a tensor as JavaScript has them: numbers, or booleans for bool. */
export type Nested = number | boolean | Nested[];

/** Row-major data as nested arrays. */
export function toNested(data: DataArray, shape: Shape, dtype: DType): Nested {
  let at = 0;
  const build = (axis: number): Nested => {
    if (axis === shape.length) {
      const value = Number(data[at++]);
      return dtype === 'bool' ? value !== 0 : value;
    }
    return Array.from({ length: shape[axis] ?? 0 }, () => build(axis + 1));
  };
  return build(0);
}

/** Above this many elements, only the edges of each axis are shown. */
const summarizeAbove = 1000;
const edgeItems = 3;

/** Readable text: aligned values, then shape, dtype and notes. */
export function formatTensor(data: DataArray, shape: Shape, dtype: DType, notes: readonly string[]): string {
  const tail = [`${dtype} ${formatShape(shape)}`, ...notes].join(', ');
  if (data.length === 0) return `Tensor([], ${tail})`;
  const summarize = data.length > summarizeAbove;
  const format = formatter(data, dtype);
  const shown: string[] = [];
  visit(shape, summarize, (index) => shown.push(format(data[index])));
  const width = Math.max(...shown.map((text) => text.length));
  let next = 0;
  const render = (axis: number, indent: string): string => {
    if (axis === shape.length) return (shown[next++] ?? '').padStart(width);
    const inner = axis === shape.length - 1;
    const parts = indices(shape[axis] ?? 0, summarize).map((i) => (i < 0 ? '...' : render(axis + 1, `${indent} `)));
    const blank = '\n'.repeat(Math.max(1, shape.length - axis - 1));
    return `[${parts.join(inner ? ', ' : `,${blank}${indent} `)}]`;
  };
  return `Tensor(${render(0, '       ')}, ${tail})`;
}

/** Indices to show along one axis; -1 stands for the gap. */
function indices(size: number, summarize: boolean): number[] {
  if (!summarize || size <= 2 * edgeItems) return Array.from({ length: size }, (_, i) => i);
  const head = Array.from({ length: edgeItems }, (_, i) => i);
  return [...head, -1, ...head.map((i) => size - edgeItems + i)];
}

/** Calls `see` with the flat index of every element to show, in order. */
function visit(shape: Shape, summarize: boolean, see: (index: number) => void): void {
  const walk = (axis: number, base: number): void => {
    if (axis === shape.length) {
      see(base);
      return;
    }
    const stride = sizeOf(shape.slice(axis + 1));
    for (const i of indices(shape[axis] ?? 0, summarize)) if (i >= 0) walk(axis + 1, base + i * stride);
  };
  walk(0, 0);
}

/** One way of writing for all values of a tensor. */
function formatter(data: DataArray, dtype: DType): (value: number | bigint | undefined) => string {
  if (dtype === 'bool') return (v) => (Number(v) === 0 ? 'false' : 'true');
  if (!isFloating(dtype)) return (v) => String(v);
  let largest = 0;
  let smallest = Infinity;
  let whole = true;
  for (const v of data) {
    const x = Math.abs(Number(v));
    if (!Number.isFinite(x)) continue;
    if (x > largest) largest = x;
    if (x > 0 && x < smallest) smallest = x;
    if (whole && !Number.isInteger(x)) whole = false;
  }
  if (largest >= 1e6 || (smallest < 1e-4 && smallest < Infinity)) return (v) => Number(v).toExponential(4);
  return whole ? (v) => String(Number(v)) : (v) => Number(v).toFixed(4);
}
