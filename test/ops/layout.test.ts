import { describe, expect, it } from 'vitest';
import { scope, type DType, type Tensor } from '../../src/index.js';
import { bitsOf, bytes, call, difference } from '../helpers/calls.js';
import { drawInputs, toTensors, type Drawn } from '../helpers/draw.js';
import { guard } from '../helpers/guards.js';
import { lay, placements, spread, toPlain, type Laid, type Placement } from '../helpers/layouts.js';
import { caseName, dtypesOf, rows, type TableCase, type TableRow } from '../table/index.js';

const names = Object.keys(placements) as Placement[];

type Bits = ReturnType<typeof bitsOf>;

/** Results and gradients; results alone where the order of sums may differ. */
function bitsFor(row: TableRow, one: TableCase, dtype: DType, xs: readonly Tensor[]): Bits {
  return one.orderByLayout === true ? { outs: call(row, one, xs).map(bytes), grads: [] } : bitsOf(row, one, dtype, xs);
}

/** Inputs of a case; whole numbers, whose sums are exact, where the order of sums may differ. */
function drawFor(row: TableRow, one: TableCase, dtype: DType): readonly Drawn[] {
  const drawn = drawInputs(row, one, dtype);
  return one.orderByLayout === true ? drawn.map((x) => ({ ...x, data: x.data.map((v) => Math.round(4 * v)) })) : drawn;
}

/** Results and gradients from these inputs, compared bit for bit with those from contiguous copies. */
function compare(row: TableRow, one: TableCase, dtype: DType, laid: readonly Laid[], want: Bits, how: string): void {
  scope(() => {
    const got = bitsFor(
      row,
      one,
      dtype,
      laid.map(({ tensor }) => tensor),
    );
    expect(difference('result', got.outs, want.outs) ?? difference('gradient', got.grads, want.grads), `${how} ${dtype}`).toBeNull();
    for (const one of laid) one.verify();
  });
}

describe.each(rows)('$name does not care how its inputs lie in memory', (row) => {
  it.each(row.cases.map((one) => [caseName(one), one] as const))('%s', (_, one) => {
    for (const dtype of dtypesOf(row)) {
      const drawn = drawFor(row, one, dtype);
      const contiguous = (xs: readonly Drawn[]): Bits => scope(() => bitsFor(row, one, dtype, toTensors(xs)));
      const want = contiguous(drawn);
      const run = (chosen: readonly Placement[]): void => {
        scope(() => {
          const laid = drawn.map((x, i) => lay(x, chosen[i]!));
          compare(row, one, dtype, laid, want, chosen.join());
        });
      };
      names.forEach((name, k) => {
        run(drawn.map(() => name));
        if (drawn.length > 1) run(drawn.map((__, i) => names[(i + k) % names.length]!));
      });
      scope(() => {
        const spreads = drawn.map(spread);
        if (spreads.every((s) => s === null)) return;
        const laid = drawn.map((x, i) => spreads[i]?.laid ?? toPlain(x));
        const plain = drawn.map((x, i) => spreads[i]?.contiguous ?? x);
        compare(row, one, dtype, laid, contiguous(plain), 'stride 0');
      });
    }
  });

  it('writes all of its results and nothing else', () => {
    for (const dtype of dtypesOf(row)) {
      for (const one of row.cases) {
        scope(() => {
          const drawn = drawInputs(row, one, dtype);
          const clean = call(row, one, toTensors(drawn)).map(bytes);
          // A view's memory is its input's.
          const guards = guard(Math.max(64, ...clean.map((b) => b.length), ...drawn.map((x) => 8 * x.data.length)));
          const outs = call(row, one, toTensors(drawn));
          expect(difference('result', outs.map(bytes), clean), `${dtype} ${caseName(one)}`).toBeNull();
          guards.verify(outs.filter((out) => out.storage.bytes > 0));
          guards.release();
        });
      }
    }
  });
});
