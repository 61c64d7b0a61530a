import { promote, scalarDType, type DType } from '../../core/dtype.js';
import { broadcastShapes } from '../../core/shape.js';
import { scalar } from '../../create/scalar.js';
import { ArgumentError } from '../../errors.js';
import { kernel } from '../../runtime/kernel.js';
import { Tensor } from '../../tensor/tensor.js';
import { requireDType, sameDType } from '../dtypes.js';
import { apply, defineOp } from '../op.js';
import { describe } from './binary.js';
import { to } from './cast.js';
import { checkTensor } from './unary.js';

const forward = kernel('where', [3, 1]);

export const whereOp = defineOp({
  name: 'where',
  inputs: ['condition', 'x', 'y'],
  infer: ({ condition, x, y }) => {
    requireDType('where', condition, ['bool'], 'condition');
    const values = broadcastShapes('where', x.shape, y.shape);
    return { shape: broadcastShapes('where', condition.shape, values, ['condition', 'x and y']), dtype: sameDType('where', x, y) };
  },
  forward: ({ condition, x, y }, out) => forward([condition, x, y], [out]),
  saves: ['condition'],
  vjp: (g, { condition }) => ({ condition: null, x: () => where(condition, g, 0), y: () => where(condition, 0, g) }),
});

/**
 * x where the condition is true, y elsewhere, with broadcasting. condition [...] bool (any other dtype counts as true where it is not 0),
 * x [...] and y [...] tensors or numbers -> [...]; their dtypes are promoted. What is not chosen passes no gradient and no NaN.
 * Throws ShapeError when the shapes do not broadcast.
 */
export function where(condition: Tensor, x: Tensor | number, y: Tensor | number): Tensor {
  checkTensor('where', condition, 'condition');
  const dtype = commonDType(x, y);
  return apply(whereOp, { condition: to(condition, 'bool'), x: operand('x', x, dtype), y: operand('y', y, dtype) }, {});
}

/** The promoted dtype of two tensors or numbers; two numbers make f32. */
function commonDType(x: Tensor | number, y: Tensor | number): DType {
  if (x instanceof Tensor && y instanceof Tensor) return promote(x.dtype, y.dtype);
  if (x instanceof Tensor) return typeof y === 'number' ? scalarDType(x.dtype, y) : x.dtype;
  if (y instanceof Tensor) return typeof x === 'number' ? scalarDType(y.dtype, x) : y.dtype;
  return 'f32';
}

function operand(name: string, value: Tensor | number, dtype: DType): Tensor {
  if (typeof value === 'number') return scalar(value, dtype);
  if (!(value instanceof Tensor)) throw new ArgumentError('where', `${name} must be a tensor or a number, got ${describe(value)}`);
  return to(value, dtype);
}
