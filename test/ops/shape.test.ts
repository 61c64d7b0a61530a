import { describe, expect, it } from 'vitest';
import { call } from '../helpers/calls.js';
import { naiveOf } from '../helpers/close.js';
import { drawInputs, isFloat, toTensors } from '../helpers/draw.js';
import { scope } from '../../src/index.js';
import { caseName, dtypesOf, gradientsOf, rows } from '../table/index.js';

describe.each(rows)('$name infers what it computes', (row) => {
  const dtypes = dtypesOf(row);
  it.each(row.cases.map((one) => [caseName(one), one] as const))('%s', (_, one) => {
    scope(() => {
      for (const dtype of dtypes) {
        const drawn = drawInputs(row, one, dtype);
        const outs = call(row, one, toTensors(drawn));
        const want = naiveOf(row, one, drawn);
        expect(outs.map((out) => out.shape)).toEqual(want.map((y) => y.shape));
        // The values that arrive are of the dtype that was promised.
        for (const out of outs) expect(out.dataSync().length).toBe(out.size);
      }
    });
  });

  it('has results that carry a gradient exactly when its row says so', () => {
    if (!dtypes.includes('f64')) return;
    scope(() => {
      for (const one of row.cases) {
        const wanted = gradientsOf(row, one);
        const drawn = drawInputs(row, one, 'f64');
        const xs = toTensors(drawn);
        xs.forEach((x) => (x.requiresGrad = isFloat(x.dtype)));
        if (wanted.length > 0) expect(call(row, one, xs).some((out) => out.requiresGrad)).toBe(true);
      }
    });
  });

  it('has the cases that go wrong first: a scalar or an empty tensor', () => {
    const odd = row.cases.some((one) => one.shapes.some((shape) => shape.length === 0 || shape.includes(0)));
    const several = row.cases.length >= 2;
    expect(odd || several, 'add a [] or [0, n] case, or at least a second shape where the op allows neither').toBe(true);
  });
});
