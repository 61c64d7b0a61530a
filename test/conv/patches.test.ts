import { expect, test } from 'vitest';
import { conv2d, gradients, randn, scope, sin, type Tensor } from '../../src/index.js';
import { bytes } from '../helpers/calls.js';
import { compareWithLoops as compare, type Problem } from '../helpers/conv-loops.js';
import { toTensor } from '../helpers/draw.js';
import { Integers } from '../helpers/integers.js';
import { lay, placements, type Placement } from '../helpers/layouts.js';

/** Windows of `kernel` side by side, `count` of them along each axis, with `rest` pixels beyond the last ones. */
function patches(draw: Integers, kernel: readonly [number, number], count: readonly [number, number]): Problem {
  const rest = [draw.next(0, kernel[0] - 1), draw.next(0, kernel[1] - 1)] as const;
  const channels = draw.next(1, 6);
  return {
    x: [draw.next(1, 4), channels, kernel[0] * count[0] + rest[0], kernel[1] * count[1] + rest[1]],
    w: [draw.next(1, 40), channels, ...kernel],
    stride: kernel,
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
  };
}

test('windows side by side, with and without pixels beyond the last ones', () => {
  const draw = new Integers(31);
  for (let i = 0; i < 60; i++) {
    const p = patches(draw, [draw.next(1, 12), draw.next(8, 20)], [draw.next(1, 4), draw.next(1, 4)]);
    expect(compare(draw, p, draw.next(0, 2) === 0 ? 'f64' : 'f32')).toBe('');
  }
});

test('a window that is the whole image, whatever the stride', () => {
  const draw = new Integers(32);
  for (let i = 0; i < 60; i++) {
    const kernel = [draw.next(1, 9), draw.next(1, 9)] as const;
    const channels = draw.next(1, 20);
    const p: Problem = {
      x: [draw.next(1, 6), channels, ...kernel],
      w: [draw.next(1, 40), channels, ...kernel],
      stride: [draw.next(1, 4), draw.next(1, 4)],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
    };
    expect(compare(draw, p, draw.next(0, 2) === 0 ? 'f64' : 'f32')).toBe('');
  }
});

/** Bits of a convolution over the whole image and of its gradients, with its inputs at a placement (null: where they are made). */
function bitsOf(
  shapes: readonly (readonly number[])[],
  values: readonly Float64Array[],
  dtype: 'f32' | 'f64',
  placement: Placement | null,
): string[] {
  return scope(() => {
    const inputs = shapes.map((shape, i) => {
      const drawn = { shape, data: values[i] ?? new Float64Array(0), dtype };
      return placement === null ? toTensor(drawn, dtype) : lay(drawn, placement).tensor;
    });
    for (const one of inputs) one.requiresGrad = true;
    const [x, w, b] = inputs as [Tensor, Tensor, Tensor];
    const y = conv2d(x, w, b);
    return [y, ...gradients([y], inputs, { gradients: [sin(y.detach())] })].map((one) => bytes(one).toString('hex'));
  });
}

// With one channel in the result, or one image, the product is that of a matrix and a vector, whose order of additions is another where the matrix lies otherwise.
test.each(['f32', 'f64'] as const)('a window that is the whole image gives the same bits wherever its inputs lie, in %s', (dtype) => {
  const draw = new Integers(33);
  for (let i = 0; i < 30; i++) {
    const [images, outputs] =
      [
        [draw.next(2, 70), 1],
        [1, draw.next(2, 70)],
        [1, 1],
      ][i % 3] ?? [];
    const kernel = [draw.next(1, 5), draw.next(2, 40)];
    const channels = draw.next(1, 9);
    const shapes = [[images ?? 1, channels, ...kernel], [outputs ?? 1, channels, ...kernel], [outputs ?? 1]];
    const values = shapes.map((shape) => scope(() => Float64Array.from(randn(shape).dataSync() as Float32Array)));
    const want = bitsOf(shapes, values, dtype, null);
    for (const placement of Object.keys(placements) as Placement[])
      expect({ shapes, placement, same: bitsOf(shapes, values, dtype, placement).map((bits, k) => bits === want[k]) }).toMatchObject({
        same: [true, true, true, true],
      });
  }
});
