import { describe, expect, it } from 'vitest';
import { scope, type DType } from '../../src/index.js';
import { bitsOf, difference } from '../helpers/calls.js';
import { mismatch, naiveOf, scalesOf } from '../helpers/close.js';
import { drawInputs, toNd, toTensors } from '../helpers/draw.js';
import { call } from '../helpers/calls.js';
import { dtypesOf, rows, type TableCase, type TableRow } from '../table/index.js';

/** Every length from nothing to four vectors of the widest instruction set and a rest. */
const lengths = Array.from({ length: 68 }, (_, n) => n);

/** A case of one axis for an elementwise row. It is no case of the row, so it draws from the row's first seed. */
function line(row: TableRow, n: number): TableCase {
  const first = row.cases[0]!;
  return { ...first, shapes: first.shapes.map(() => [n]) };
}

function checkLength(row: TableRow, n: number, dtype: DType): void {
  const one = line(row, n);
  scope(() => {
    const drawn = drawInputs(row, one, dtype);
    const outs = call(row, one, toTensors(drawn));
    const want = naiveOf(row, one, drawn);
    const scales = scalesOf(row, one, drawn, want);
    outs.forEach((out, i) => {
      expect(mismatch(toNd(out), want[i]!, scales[i]!, out.dtype, row.tolerance ?? 8), `length ${n}`).toBeNull();
    });
    if (n !== 67) return;
    // An element's value does not depend on where in a vector it lies: the last 30 alone give the last 30 of the whole.
    const tail = drawn.map((x) => ({ ...x, shape: [30], data: x.data.slice(37) }));
    const [whole, part] = [drawn, tail].map((xs) => bitsOf(row, one, dtype, toTensors(xs)).outs);
    const size = whole![0]!.length / 67;
    expect(
      difference(
        'result',
        part!,
        whole!.map((b) => b.subarray(37 * size)),
      ),
    ).toBeNull();
  });
}

const elementwise = rows.filter(({ family, cases }) => family.startsWith('elementwise') && cases.some(({ shapes }) => shapes.length > 0));

describe.each(elementwise)('$name is right at every length', (row) => {
  it.each(dtypesOf(row).map((dtype) => [dtype] as const))('%s, 0 to 67 elements', (dtype) => {
    for (const n of lengths) checkLength(row, n, dtype);
  });
});
