import { checkList, checkShape, formatShape, sizeOf, type Shape } from '../../core/shape.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { defineView } from '../op.js';
import { contiguous } from './contiguous.js';
import { checkLive } from '../../runtime/handle.js';

export const reshapeOp = defineView({
  name: 'reshape',
  view: (x, { shape }: { shape: Shape }) => ({ shape, strides: x.isContiguous ? null : viewStrides(x, shape), offset: x.offset }),
  vjp: (g, _attrs, x) => reshape(g, x.shape),
});

/**
 * The same elements in row-major order under another shape; one size may be -1 and is worked out. x [...] -> shape. Copies only when x's elements do not
 * lie one after the other. Throws ShapeError when the number of elements differs.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkLive('reshape', 'x', x);
  const target = resolve(x, shape);
  if (x.isContiguous || viewStrides(x, target) !== null) return reshapeOp.apply(x, { shape: target });
  const source = contiguous(x);
  const y = reshapeOp.apply(source, { shape: target });
  source.dispose();
  return y;
}

/** Strides under which the memory of x, which is not contiguous, has another shape, or null when there are none. */
function viewStrides(x: Pick<Tensor, 'shape' | 'strides'>, target: Shape): Shape | null {
  const strides = target.map(() => 0);
  let axis = target.length - 1;
  for (const { size, step } of runs(x)) {
    let cut = 1;
    for (; axis >= 0 && (cut < size || target[axis] === 1); axis--) {
      strides[axis] = cut * step;
      cut *= target[axis] ?? 1;
    }
    if (cut !== size) return null;
  }
  return strides;
}

/** Neighbouring axes that can be walked as one, innermost first: number of elements and distance between them. */
function runs({ shape, strides }: Pick<Tensor, 'shape' | 'strides'>): { size: number; step: number }[] {
  const found: { size: number; step: number }[] = [];
  for (let d = shape.length - 1; d >= 0; d--) {
    const size = shape[d] ?? 1;
    const step = strides[d] ?? 0;
    const last = found.at(-1);
    if (size === 1) continue;
    if (last !== undefined && step === last.size * last.step) last.size *= size;
    else found.push({ size, step });
  }
  return found;
}

function resolve(x: Tensor, shape: Shape): Shape {
  let unknown = 0;
  for (const n of checkList('reshape', 'shape', shape)) if (n === -1) unknown++;
  if (unknown > 1) throw new ShapeError('reshape', `at most one size may be -1, got ${formatShape(shape)}`);
  const known = unknown === 0 ? shape : shape.filter((n) => n !== -1);
  checkShape('reshape', known);
  const rest = sizeOf(known);
  const size = sizeOf(x.shape);
  if (unknown === 0 ? rest !== size : rest === 0 || size % rest !== 0) {
    throw new ShapeError('reshape', `x ${formatShape(x.shape)} has ${size} elements, which do not fit ${formatShape(shape)}`);
  }
  return unknown === 0 ? [...shape] : shape.map((n) => (n === -1 ? size / rest : n));
}
