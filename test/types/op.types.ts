/**
 * What must and what must not compile. Checked by tsc (npm run check, and test/types/types.test.ts), never run. A @ts-expect-error is itself an error when the code
 * below it compiles.
 */
import { add, type Tensor } from '../../src/index.js';
import { apply, defineMultiOp, defineOp } from '../../src/ops/op.js';

/** A rule may read what it saved. */
export const right = defineOp({
  name: 'right',
  inputs: ['x', 'y'],
  infer: ({ x }) => x,
  forward: () => undefined,
  saves: ['x', 'out'],
  vjp: (g, { x, out }) => ({ x: () => add(g, x), y: () => add(g, out) }),
});

/** An op without gradient says so. */
export const without = defineOp({ name: 'without', inputs: ['x'], infer: ({ x }) => x, forward: () => undefined, saves: [], vjp: null });

// @ts-expect-error There is no third way: vjp cannot be left out.
export const silent = defineOp({ name: 'silent', inputs: ['x'], infer: ({ x }) => x, forward: () => undefined, saves: [] });

export const unsavedInput = defineOp({
  name: 'unsavedInput',
  inputs: ['x', 'y'],
  infer: ({ x }) => x,
  forward: () => undefined,
  saves: ['x'],
  // @ts-expect-error The rule reads y, which it did not save.
  vjp: (g, { y: _y }) => ({ x: () => g, y: () => g }),
});

export const unsavedResult = defineOp({
  name: 'unsavedResult',
  inputs: ['x'],
  infer: ({ x }) => x,
  forward: () => undefined,
  saves: [],
  // @ts-expect-error The rule reads its result, which it did not save.
  vjp: (g, { out: _out }) => ({ x: () => g }),
});

export const forgotten = defineOp({
  name: 'forgotten',
  inputs: ['x', 'y'],
  infer: ({ x }) => x,
  forward: () => undefined,
  saves: [],
  // @ts-expect-error The rule forgets the cotangent of y.
  vjp: (g) => ({ x: () => g }),
});

export const eager = defineOp({
  name: 'eager',
  inputs: ['x'],
  infer: ({ x }) => x,
  forward: () => undefined,
  saves: [],
  // @ts-expect-error A cotangent is a thunk, so that nobody computes what nobody asked for.
  vjp: (g) => ({ x: g }),
});

export const savesNothingKnown = defineOp({
  name: 'savesNothingKnown',
  inputs: ['x'],
  infer: ({ x }) => x,
  forward: () => undefined,
  // @ts-expect-error z is no input.
  saves: ['z'],
  vjp: null,
});

export const two = defineMultiOp({
  name: 'two',
  inputs: ['x'],
  outputs: ['value', 'index'],
  infer: ({ x }) => ({ value: x, index: x }),
  forward: () => undefined,
  saves: ['index'],
  vjp: ({ value }, { index }) => ({ x: value === null ? null : () => add(value, index) }),
});

export const oneOfTwo = defineMultiOp({
  name: 'oneOfTwo',
  inputs: ['x'],
  outputs: ['value', 'index'],
  // @ts-expect-error The shape of `index` is missing.
  infer: ({ x }) => ({ value: x }),
  forward: () => undefined,
  saves: [],
  vjp: null,
});

export function calls(x: Tensor): Tensor[] {
  // @ts-expect-error y is missing.
  apply(right, { x }, {});
  // @ts-expect-error A tensor is not a number.
  x.add('1');
  // @ts-expect-error Results are tensors, never promises of tensors.
  void x.add(1).then;
  return [apply(right, { x, y: x }, {}), x.add(1)];
}
