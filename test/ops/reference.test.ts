import { describe, expect, it } from 'vitest';
import { scope } from '../../src/index.js';
import { call } from '../helpers/calls.js';
import { mismatch, naiveOf, scalesOf } from '../helpers/close.js';
import { drawInputs, toNd, toTensors } from '../helpers/draw.js';
import { caseName, dtypesOf, rows } from '../table/index.js';

describe.each(rows)('$name equals its definition in plain f64 loops', (row) => {
  it.each(row.cases.flatMap((one) => dtypesOf(row).map((dtype) => [dtype, caseName(one), one] as const)))('%s %s', (dtype, _, one) => {
    scope(() => {
      const drawn = drawInputs(row, one, dtype);
      const outs = call(row, one, toTensors(drawn));
      const want = naiveOf(row, one, drawn);
      const scales = scalesOf(row, one, drawn, want);
      expect(outs.length).toBe(want.length);
      outs.forEach((out, i) => {
        expect(mismatch(toNd(out), want[i]!, scales[i]!, out.dtype, row.tolerance ?? 8)).toBeNull();
      });
    });
  });
});
