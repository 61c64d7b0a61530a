import { describe, expect, it } from 'vitest';
import { DTypeError, gradients, ones, scope, to, type DType, type Tensor } from '../../src/index.js';
import { call } from '../helpers/calls.js';
import { drawInputs, isFloat, toNd, toTensor } from '../helpers/draw.js';
import { caseName, dtypesOf, gradientsOf, rows, type TableCase, type TableRow } from '../table/index.js';

/** Relative error of one rounding. */
const eps = { bf16: 2 ** -9, f16: 2 ** -12 } as const;
type Half = keyof typeof eps;

/** The floating inputs of a case, in 16 bits; `turned`: as the transpose of a row-major copy. */
function halvesOf(row: TableRow, one: TableCase, kind: Half, turned: boolean): Tensor[] {
  return drawInputs(row, one, 'f32').map((x) => {
    const t = isFloat(x.dtype) ? to(toTensor(x, 'f32'), kind) : toTensor(x, x.dtype);
    return turned && t.rank >= 2 ? t.transpose().contiguous().transpose() : t;
  });
}

function widened(xs: readonly Tensor[], kind: DType): Tensor[] {
  return xs.map((x) => (x.dtype === kind ? to(x, 'f32') : x));
}

/** The first number that differs by more than `roundings` of them, of the largest number of the result, or by a bit when there is only one. */
function mismatch(got: Tensor, want: Tensor, kind: Half, roundings: number): string | null {
  const [a, exact, rounded] = [got, want, to(want, got.dtype)].map((t) => toNd(t).data) as [Float64Array, Float64Array, Float64Array];
  const most = exact.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0);
  const at = a.findIndex((v, i) => {
    if (Object.is(v, rounded[i])) return false;
    return roundings === 1 || !(Math.abs(v - exact[i]!) <= roundings * eps[kind] * most);
  });
  return at < 0 ? null : `element ${at} is ${a[at]!}, in f32 ${exact[at]!}`;
}

function gradientsFrom(row: TableRow, one: TableCase, xs: readonly Tensor[]): readonly Tensor[] {
  const wanted = gradientsOf(row, one).map((i) => xs[i]!);
  for (const x of wanted) x.requiresGrad = true;
  const outs = call(row, one, xs).filter((out) => out.requiresGrad);
  if (wanted.length === 0 || outs.length === 0) return [];
  return gradients(outs, wanted, { gradients: outs.map((out) => ones(out.shape, { dtype: out.dtype })) });
}

const withFloats = rows.filter((row) => dtypesOf(row).includes('f32'));

describe.each(withFloats)('$name in bf16 and f16', (row) => {
  const { halves = 1 } = row;
  const cases = row.cases.flatMap((one) => (['bf16', 'f16'] as const).map((kind) => [kind, caseName(one), one] as const));

  if (halves === null) {
    it.each(cases)('is refused, with the cure: %s %s', (kind, _, one) => {
      const refuse = (): unknown => scope(() => call(row, one, halvesOf(row, one, kind, false)));
      expect(refuse).toThrow(DTypeError);
      expect(refuse).toThrow(new RegExp(`^${row.name}: .*(to\\('f32'\\)|must be f32)`));
    });
    return;
  }

  it.each(cases)('computes in f32 and rounds: %s %s', (kind, _, one) => {
    for (const turned of [false, true]) {
      scope(() => {
        const xs = halvesOf(row, one, kind, turned);
        const [got, want] = [call(row, one, xs), call(row, one, widened(xs, kind))];
        got.forEach((out, i) => expect(mismatch(out, want[i]!, kind, halves)).toBeNull());
      });
    }
  });

  // A quotient next to a whole number: the slope is another one after rounding.
  if (row.gradients?.length === 0 || row.name === 'remainder') return;
  it.each(cases)('has gradients of its dtype, near those of f32: %s %s', (kind, _, one) => {
    scope(() => {
      const xs = halvesOf(row, one, kind, false);
      const [got, want] = [gradientsFrom(row, one, xs), gradientsFrom(row, one, widened(xs, kind))];
      got.forEach((g, i) => {
        expect(g.dtype).toBe(kind);
        const [a, b] = [toNd(g).data, toNd(want[i]!).data];
        const most = b.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 1);
        const worst = a.reduce((m, v, j) => Math.max(m, Object.is(v, b[j]!) ? 0 : Math.abs(v - b[j]!)), 0);
        expect(worst).toBeLessThanOrEqual(32 * eps[kind] * most); // broadcasting sums up to 67 rounded terms
      });
    });
  });
});
