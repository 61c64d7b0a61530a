import { formatShape, type Shape } from '../core/shape.js';

/** Which directions gradcheck moves an input in. */

/** One derivative to compare. */
export interface Probe {
  readonly move: (v: Float64Array, h: number) => void;
  /** The same derivative from the gradient. */
  readonly project: (g: Float64Array) => number;
  readonly name: (shape: Shape) => string;
}

const directions = 4;

/** Each element; for large inputs evenly picked ones, and random directions. */
export function probesOf(count: number, maxElements: number): Probe[] {
  const step = count <= maxElements ? 1 : count / maxElements;
  const picked = new Set(Array.from({ length: Math.min(count, maxElements) }, (_, i) => Math.floor(i * step)));
  const probes = [...picked].map(elementProbe);
  if (count <= maxElements) return probes;
  return [...probes, ...Array.from({ length: directions }, (_, i) => directionProbe(cotangent(count, 100 + i), i))];
}

function elementProbe(i: number): Probe {
  return {
    move: (v, h) => (v[i] = (v[i] ?? 0) + h),
    project: (g) => g[i] ?? 0,
    name: (shape) => `element ${formatShape(unravel(i, shape))}`,
  };
}

function directionProbe(direction: Float64Array, k: number): Probe {
  return {
    move: (v, h) => {
      for (let i = 0; i < v.length; i++) v[i] = (v[i] ?? 0) + h * (direction[i] ?? 0);
    },
    project: (g) => g.reduce((sum, one, i) => sum + one * (direction[i] ?? 0), 0),
    name: () => `random direction ${k}`,
  };
}

function unravel(flat: number, shape: Shape): number[] {
  let rest = flat;
  const index = shape.map(() => 0);
  for (let d = shape.length - 1; d >= 0; d--) {
    const n = shape[d] ?? 1;
    index[d] = rest % n;
    rest = Math.floor(rest / n);
  }
  return index;
}

/** Numbers of either sign, 0.5 to 1.5 in size, the same at every call (a linear congruential generator; Numerical Recipes 1992, 7.1). */
export function cotangent(count: number, seed: number): Float64Array {
  let state = (seed + 1) * 2654435761;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const size = 0.5 + (state >>> 8) / 2 ** 24;
    return (state & 128) === 0 ? size : -size;
  });
}
