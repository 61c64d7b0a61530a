import { describe, expect, it } from 'vitest';
import * as cr from '../../src/index.js';
import { epsOf } from '../helpers/close.js';
import { arrayOf } from '../helpers/values.js';

type Tensor = cr.Tensor;
type Floats = 'f32' | 'f64';

/** [steps, rows, hidden] around the sizes where groups of units (60 or 64) and blocks of rows (8, 16, 64) begin. */
const sizes = [
  [3, 1, 59],
  [2, 7, 60],
  [3, 8, 61],
  [3, 15, 63],
  [2, 16, 64],
  [3, 17, 65],
  [2, 64, 31],
  [2, 65, 130],
  [3, 131, 20],
] as const;
const features = 3;

/** x, weightIh, weightHh and biases in the range of a fresh layer. */
function inputsOf([steps, rows, hidden]: readonly [number, number, number], gates: number, dtype: Floats): Tensor[] {
  cr.manualSeed(hidden);
  const shapes = [[steps, rows, features], [gates * hidden, features], [gates * hidden, hidden], [gates * hidden], [gates * hidden]];
  return shapes.map((shape, i) => cr.mul(cr.sub(cr.rand(shape, { dtype }), 0.5), i === 0 ? 2 : 2 / Math.sqrt(hidden)));
}

/** Steps one by one, by plain ops: what the fused kernels are compared with. */
function bySteps(cell: 'lstm' | 'gru', [x, weightIh, weightHh, biasIh, biasHh]: readonly Tensor[]): Tensor {
  const [steps = 0, rows = 0] = x!.shape;
  const hidden = weightHh!.shape[1] ?? 0;
  let h = cr.zeros([rows, hidden], { dtype: x!.dtype as Floats });
  let c = h;
  const outputs = Array.from({ length: steps }, (_, t) => {
    const own = cr.split(cr.linear(cr.select(x!, 0, t), weightIh!, biasIh), hidden, 1);
    const last = cr.split(cr.linear(h, weightHh!, biasHh), hidden, 1);
    const gate = (g: number): Tensor => cr.add(own[g]!, last[g]!);
    if (cell === 'lstm') {
      c = cr.add(cr.mul(cr.sigmoid(gate(1)), c), cr.mul(cr.sigmoid(gate(0)), cr.tanh(gate(2))));
      h = cr.mul(cr.sigmoid(gate(3)), cr.tanh(c));
    } else {
      const fresh = cr.tanh(cr.add(own[2]!, cr.mul(cr.sigmoid(gate(0)), last[2]!)));
      h = cr.add(fresh, cr.mul(cr.sigmoid(gate(1)), cr.sub(h, fresh)));
    }
    return h;
  });
  return cr.stack(outputs, 0);
}

function fused(cell: 'lstm' | 'gru', [x, weightIh, weightHh, biasIh, biasHh]: readonly Tensor[], batchFirst: boolean): Tensor {
  const weights = { weightIh: weightIh!, weightHh: weightHh!, biasIh: biasIh!, biasHh: biasHh! };
  const turned = batchFirst ? cr.transpose(x!, 0, 1) : x!;
  const { y } = cell === 'lstm' ? cr.lstm(turned, weights, {}, { batchFirst }) : cr.gru(turned, weights, null, { batchFirst });
  return batchFirst ? cr.transpose(y, 0, 1) : y;
}

describe.each([
  ['lstm', 4],
  ['gru', 3],
] as const)('%s by groups of units and blocks of rows', (cell, gates) => {
  it.each(sizes.flatMap((size) => (['f32', 'f64'] as const).map((dtype) => [...size, dtype] as const)))(
    '%i steps, %i rows, %i units, %s: as step by step, recorded or not',
    (steps, rows, hidden, dtype) => {
      cr.scope(() => {
        const inputs = inputsOf([steps, rows, hidden], gates, dtype);
        for (const t of inputs) t.requiresGrad = true;
        const batchFirst = hidden % 2 === 0;
        const y = fused(cell, inputs, batchFirst);
        // A sum of n products below 2 / sqrt(n) each, n roundings at most; slopes are below 1 and a few steps add their errors.
        const tolerance = 2 * steps * (hidden + features + 8) * Math.sqrt(hidden) * epsOf[dtype];
        const want = arrayOf(bySteps(cell, inputs));
        expect(arrayOf(y).filter((v, i) => !(Math.abs(v - want[i]!) <= tolerance))).toEqual([]);
        expect(arrayOf(cr.noGrad(() => fused(cell, inputs, batchFirst)))).toEqual(arrayOf(y));
        const seed = cr.onesLike(y);
        const got = cr.gradients([y], inputs, { gradients: [seed] });
        const reference = cr.gradients([bySteps(cell, inputs)], inputs, { gradients: [seed] });
        reference.forEach((g, k) => {
          const values = arrayOf(g);
          const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
          expect(arrayOf(got[k]!).filter((v, i) => !(Math.abs(v - values[i]!) <= tolerance * scale))).toEqual([]);
        });
      });
    },
  );
});
