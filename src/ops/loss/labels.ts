import { formatShape, formatSpec, sameShape, type Shape, type Spec } from '../../core/shape.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { scalar } from '../../create/scalar.js';
import type { Handle } from '../../runtime/handle.js';
import { isIndexInto } from '../../runtime/known-range.js';
import { viewHandle, type Tensor } from '../../tensor/tensor.js';
import { checkTensor } from '../elementwise/unary.js';
import { reshape } from '../movement/reshape.js';
import { floating } from '../dtypes.js';

/** The axis of scores [N, C, d...] or [C] that classes lie along. */
export function classAxis(scores: Spec): number {
  return scores.shape.length === 1 ? 0 : 1;
}

/** The shape of the labels of `scores`: without the class axis. */
export function labelShape(scores: Spec): Shape {
  return scores.shape.filter((_, i) => i !== classAxis(scores));
}

/** Throws unless scores [N, C, d...] or [C] are floating, there are classes, and labels [N, d...] or [] are whole numbers. */
export function checkLabels(op: string, name: string, scores: Spec, labels: Spec): void {
  floating(op, scores, name);
  if (scores.shape.length === 0) throw new ShapeError(op, `${name} [] has no class axis; its shape must be [N, C], [N, C, ...] or [C]`);
  if (labels.dtype !== 'i32' && labels.dtype !== 'i64')
    throw new DTypeError(op, `labels must be i32 or i64, got ${formatSpec(labels)}; convert them with to('i32')`);
  const want = labelShape(scores);
  if (!sameShape(labels.shape, want))
    throw new ShapeError(
      op,
      `${name} ${formatShape(scores.shape)} ${scores.shape.length === 1 ? '[C]' : '[N, C, ...]'} want labels ${formatShape(want)}, got ${formatShape(labels.shape)}`,
    );
  if (scores.shape[classAxis(scores)] === 0) throw new ShapeError(op, `${name} ${formatShape(scores.shape)} have no classes`);
}

/** Whether every label is known to be a class of `scores`. */
export function areLabelsOf(scores: Spec, labels: Handle): boolean {
  return isIndexInto(labels, scores.shape[classAxis(scores)] ?? 0);
}

/** The class weights [C] in the scores' dtype; ones when there are none. Throws ShapeError or DTypeError. */
export function classWeights(op: string, scores: Spec, weight: Tensor | undefined): Tensor {
  const classes = scores.shape[classAxis(scores)] ?? 1;
  if (weight === undefined) return viewHandle(scalar(1, scores.dtype), [classes], [0], 0);
  checkTensor(op, weight, 'weight');
  if (!sameShape(weight.shape, [classes]))
    throw new ShapeError(op, `weight ${formatShape(weight.shape)} must be [${classes}], one for each class`);
  if (weight.dtype !== scores.dtype) throw new DTypeError(op, `weight must be ${scores.dtype} as the scores, got ${formatSpec(weight)}`);
  return weight.detach();
}

/** A value for each label, [N, d...], with a class axis of size 1: it broadcasts with the scores. */
export function alongClasses(perLabel: Tensor, scores: Spec): Tensor {
  const shape = [...labelShape(scores)];
  shape.splice(classAxis(scores), 0, 1);
  return reshape(perLabel, shape);
}
