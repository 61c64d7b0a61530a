import { describe, expect, it } from 'vitest';
import { gradcheck, gradgradcheck, scope, type Tensor } from '../../src/index.js';
import { call, callWithGradients } from '../helpers/calls.js';
import { naiveOf } from '../helpers/close.js';
import { drawInputs, isFloat, toTensors } from '../helpers/draw.js';
import { caseName, dtypesOf, gradientsOf, rows, type TableCase, type TableRow } from '../table/index.js';

/**
 * Central differences with step h are off by about h^2 |f'''| / 6 + 2^-52 |f| / h. At h = 2^-17 both are near 1e-10 for functions and derivatives of size 1;
 * the rows' ranges let derivatives grow to about 100, and gradients add up a few dozen terms.
 */
const tight = { eps: 2 ** -17, atol: 1e-7, rtol: 1e-6, maxElements: 24 };

function differentiableInputs(row: TableRow, one: TableCase): Tensor[] {
  const xs = toTensors(drawInputs(row, one, 'f64'));
  for (const i of gradientsOf(row, one)) xs[i]!.requiresGrad = true;
  return xs;
}

/** Where a result is no number (the mean of nothing), its second derivatives are none either. */
function isFinite(row: TableRow, one: TableCase): boolean {
  return naiveOf(row, one, drawInputs(row, one, 'f64')).every(({ data }) => data.every(Number.isFinite));
}

const candidates = rows.filter((row) => dtypesOf(row).includes('f64') && row.gradients?.length !== 0);

describe.each(candidates)('the gradient of $name', (row) => {
  const cases = row.cases.filter((one) => gradientsOf(row, one).length > 0).map((one) => [caseName(one), one] as const);

  it.each(cases)('equals central differences: %s', async (_, one) => {
    await gradcheck((...xs) => call(row, one, xs), differentiableInputs(row, one), tight);
  });

  it.each(cases)('has shape and dtype of its input: %s', (_, one) => {
    for (const dtype of dtypesOf(row).filter(isFloat)) {
      scope(() => {
        const xs = toTensors(drawInputs(row, one, dtype));
        const { grads } = callWithGradients(row, one, xs);
        const inputs = gradientsOf(row, one).map((i) => xs[i]!);
        expect(grads.map((g) => [g.dtype, g.shape])).toEqual(inputs.map((x) => [x.dtype, x.shape]));
      });
    }
  });

  if (row.secondOrder === false) return;
  it.each(cases.filter(([, one]) => isFinite(row, one)))('can be differentiated again: %s', async (_, one) => {
    await gradgradcheck((...xs) => call(row, one, xs), differentiableInputs(row, one), { ...tight, maxElements: 12 });
  });
});
