import { isFloating } from '../../core/dtype.js';
import { kernel } from '../../runtime/kernel.js';
import { Tensor } from '../../tensor/tensor.js';
import { floating } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { binarySpec, pair } from './binary.js';
import { to } from './cast.js';
import { mul } from './mul.js';
import { neg } from './sign.js';

const forward = kernel('div', [2, 1]);
const forwardScalar = kernel('div_scalar', [1, 1], ['value']);

export const divOp = defineOp({
  name: 'div',
  inputs: ['x', 'y'],
  infer: ({ x, y }) => binarySpec('div', floating('div', x), y),
  forward: ({ x, y }, out) => forward([x, y], [out]),
  saves: ['x', 'y'],
  // d(x / y)/dy = -(x / y) / y
  vjp: (g, { x, y }) => ({ x: () => div(g, y), y: () => neg(mul(g, div(div(x, y), y))) }),
});

/** The divisor is a parameter: nothing is saved and nothing is broadcast. */
export const divScalarOp = defineOp({
  name: 'divScalar',
  inputs: ['x'],
  infer: ({ x }, _attrs: { value: number }) => floating('div', x),
  forward: ({ x }, out, { value }) => forwardScalar([x], [out], [value]),
  saves: [],
  vjp: (g, _saved, { value }) => ({ x: () => div(g, value) }),
});

/**
 * True division x / y, elementwise with broadcasting: integers become f32. x [...], y [...] or a number -> [...]; by zero it gives inf or NaN.
 * For whole quotients see floorDivide. Throws ShapeError when the shapes do not broadcast.
 */
export function div(x: Tensor, y: Tensor | number): Tensor {
  if (typeof y === 'number' && x instanceof Tensor && isFloating(x.dtype)) return apply(divScalarOp, { x }, { value: y });
  const [a, b] = pair('div', x, y);
  if (isFloating(a.dtype)) return apply(divOp, { x: a, y: b }, {});
  return apply(divOp, { x: to(a, 'f32'), y: to(b, 'f32') }, {});
}
