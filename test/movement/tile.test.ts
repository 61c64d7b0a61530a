import { describe, expect, it } from 'vitest';
import { fromArray, gradients, scope, tile } from '../../src/index.js';

const cases: readonly [shape: readonly number[], reps: readonly number[]][] = [
  [
    [2, 3],
    [2, 3],
  ],
  [
    [3, 1, 2],
    [2, 3, 2],
  ],
  [
    [2, 1, 2, 1, 2],
    [2, 2, 1, 1, 3],
  ],
  [
    [2, 3],
    [4, 1, 2, 2],
  ],
  [
    [2, 2, 2, 2],
    [2, 2, 2, 2],
  ], // as many axes as there can be
  [
    [2, 2, 2, 2, 1],
    [2, 2, 2, 2, 1],
  ], // one more
  [
    [2, 3],
    [0, 2],
  ],
  [
    [64, 65],
    [3, 5],
  ],
];

describe('tile', () => {
  it.each(cases)('repeats several axes of %j by %j, and adds up their gradients', (shape, reps) => {
    scope(() => {
      const size = shape.reduce((a, b) => a * b, 1);
      // The memory lies in the order of reversed axes: x is a view of it.
      const memory = fromArray(
        Float32Array.from({ length: size }, (_, i) => i + 1),
        [...shape].reverse(),
      );
      memory.requiresGrad = true;
      const x = memory.permute(shape.map((_, d) => shape.length - 1 - d));
      const y = tile(x, reps);
      const front = reps.length - shape.length;
      const full = reps.map((n, d) => n * (shape[d - front] ?? 1));
      expect(y.shape).toEqual(full);
      const count = full.reduce((a, b) => a * b, 1);
      /** Where element i of y comes from in the memory. */
      const source = (i: number): number => {
        let place = 0;
        let step = size;
        for (let d = full.length - 1, rest = i; d >= front; rest = Math.floor(rest / full[d]!), --d) {
          const n = shape[d - front]!;
          step /= n;
          place += ((rest % full[d]!) % n) * step;
        }
        return place;
      };
      expect([...y.dataSync()]).toEqual(Array.from({ length: count }, (_, i) => source(i) + 1));
      const cotangent = Float32Array.from({ length: count }, (_, i) => (i * 7) % 11);
      const want = new Float32Array(size);
      cotangent.forEach((g, i) => (want[source(i)]! += g));
      const [grad] = gradients([y], [memory], { gradients: [fromArray(cotangent, full)] });
      expect([...grad!.dataSync()]).toEqual([...want]);
    });
  });
});
