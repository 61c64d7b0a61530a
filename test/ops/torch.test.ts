import { describe, expect, it } from 'vitest';
import { gradients, scope, type DType } from '../../src/index.js';
import { call } from '../helpers/calls.js';
import { epsOf, mismatch, naiveOf, scalesOf } from '../helpers/close.js';
import { isFloat, toNd, toTensor, type Drawn } from '../helpers/draw.js';
import { cotangentsOf, fixtureDTypes, fixtureInputs, fixtureRow, readFixtures, specialInputs, type Answers } from '../helpers/fixtures.js';
import type { Nd } from '../helpers/nd.js';
import { caseName, dtypesOf, gradientsOf, rows, type TableCase, type TableRow } from '../table/index.js';

const again = 'run python3 test/fixtures/make.py';
const files = new Map([...new Set(rows.map(({ family }) => family))].map((family) => [family, readFixtures(family)]));

/**
 * Both sides round, so results may differ by twice what the reference test accepts; and PyTorch's own formulas cancel in places (1 + erf(x) in gelu's tail), so
 * that errors count against the largest element of a result. The reference test is the strict one for single elements.
 */
const both = 2;
const normwise = (scale: Float64Array): Float64Array => {
  const largest = scale.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, v) : m), 0);
  return scale.map((v) => v + largest);
};
/** Gradients have no naive formula to measure a scale from: against their largest element, or 1 where the terms of a sum cancel (cotangents are near 1). */
const forGradients = 8;

function compareGradients(got: readonly Nd[], want: readonly (Nd | null)[], dtype: 'f32' | 'f64', c: number): string | null {
  for (const [i, g] of got.entries()) {
    const w = want[i] ?? { shape: g.shape, data: new Float64Array(g.data.length) };
    const largest = w.data.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 1);
    const found = mismatch(g, w, new Float64Array(w.data.length).fill(largest), dtype, c * forGradients);
    if (found !== null) return `gradient ${i}: ${found} [eps ${epsOf[dtype]}]`;
  }
  return null;
}

function compare(row: TableRow, one: TableCase, asked: DType, dtype: DType, answer: Answers['cases'][number]): void {
  const drawn = fixtureInputs(row, one, asked).map((x) => (isFloat(x.dtype) && isFloat(dtype) ? { ...x, dtype } : x));
  const c = both * (row.tolerance ?? 8);
  scope(() => {
    const xs = drawn.map((x) => toTensor(x, x.dtype));
    const wanted = isFloat(dtype) ? gradientsOf(row, one).map((i) => xs[i]!) : [];
    for (const x of wanted) x.requiresGrad = true;
    const outs = call(row, one, xs);
    if (dtype === asked) expect(outs.map((out) => out.dtype)).toEqual(answer.outputs.map((y) => y.dtype));
    const scales = scalesOf(row, one, drawn, naiveOf(row, one, drawn));
    outs.forEach((out, i) => expect(mismatch(toNd(out), answer.outputs[i]!, normwise(scales[i]!), out.dtype, c)).toBeNull());
    const roots = outs.filter((out) => out.requiresGrad);
    if (wanted.length === 0 || roots.length === 0 || (dtype !== 'f32' && dtype !== 'f64')) return;
    const seeds = cotangentsOf(row, one, outs.map(toNd)).map((g) => toTensor(g, dtype));
    const grads = gradients(roots, wanted, { gradients: seeds.filter((_, i) => outs[i]!.requiresGrad) });
    expect(compareGradients(grads.map(toNd), answer.gradients, dtype, c)).toBeNull();
  });
}

/** x * (something that goes to 0): PyTorch gives NaN at minus infinity, we the limit, so that a masked score of -Infinity is no poison. */
const zeroAtMinusInfinity = new Set(['gelu', 'silu', 'mish']);

/** Near equality everywhere, NaN and infinities where PyTorch has them. Formulas that cancel (see above) do so at the scale of their inputs. */
function compareSpecial(row: TableRow, inputs: readonly Drawn[], dtype: DType, want: Nd): void {
  scope(() => {
    const [out] = call(
      row,
      row.cases[0]!,
      inputs.map((x) => toTensor(x, dtype)),
    );
    const scale = want.data.map((v, i) =>
      inputs.reduce((s, x) => s + (Number.isFinite(x.data[i]!) ? Math.abs(x.data[i]!) : 0), Math.abs(v)),
    );
    const got = toNd(out!);
    const definition = naiveOf(row, row.cases[0]!, inputs)[0]!;
    const wrong = Array.from(want.data, (w, i) => {
      const single = (y: Nd): Nd => ({ shape: [], data: y.data.slice(i, i + 1) });
      const found = mismatch(single(got), single(want), scale.slice(i, i + 1), out!.dtype, both * (row.tolerance ?? 8));
      const x = inputs[0]!.data[i]!;
      if (x === -Infinity && got.data[i] === 0 && zeroAtMinusInfinity.has(row.name)) return null;
      if (got.data[i] === definition.data[i]) return null; // PyTorch's elu cancels near 0
      return found === null ? null : `(${inputs.map((x) => x.data[i]!).join(', ')}) gives ${got.data[i]!}, PyTorch ${w}`;
    });
    expect(wrong.filter((text) => text !== null)).toEqual([]);
  });
}

describe.each(rows.filter(({ torch }) => typeof torch === 'string'))('$name gives what PyTorch gives', (row) => {
  const answers = files.get(row.family)?.get(row.name);
  const fresh = answers?.hash === fixtureRow(row)?.hash;

  it('has a fixture made from its present cases', () => {
    expect(answers, `there is no fixture of row ${row.name}: ${again}`).toBeDefined();
    expect(fresh, `the fixture of row ${row.name} is stale: ${again}`).toBe(true);
  });
  if (answers === undefined || !fresh) return;

  const asked = row.cases.flatMap((one) => fixtureDTypes(row).map((dtype) => ({ one, dtype })));
  const runs = asked.flatMap(({ one, dtype }, i) => {
    const dtypes = isFloat(dtype) ? dtypesOf(row).filter(isFloat) : [dtype];
    return dtypes.map((own) => [own, caseName(one), one, dtype, answers.cases[i]!] as const);
  });
  const special = specialInputs(row);
  if (special !== null) {
    it.each(dtypesOf(row).filter(isFloat))('%s special numbers: NaN, infinities, zeros, the largest and the smallest', (dtype) => {
      compareSpecial(row, special, dtype, answers.cases[asked.length]!.outputs[0]!);
    });
  }
  it.each(runs)('%s %s', (own, _, one, dtype, answer) => compare(row, one, dtype, own, answer));
});
