import { afterAll, describe, expect, it } from 'vitest';
import { engine, scope, type DType } from '../../src/index.js';
import { bitsOf, difference } from '../helpers/calls.js';
import { drawInputs, toTensors } from '../helpers/draw.js';
import { size } from '../helpers/nd.js';
import { caseName, dtypesOf, rows, type TableCase, type TableRow } from '../table/index.js';

const before = engine.stats().threads;
afterAll(() => engine.setThreads(before));

/** Small cases run on one thread; these are large enough to be shared out. More elements would only take longer. */
const maxElements = 1 << 21;

function largeCases(row: TableRow): readonly TableCase[] {
  const total = (one: TableCase): number => one.shapes.reduce((sum, shape) => sum + size(shape), 0);
  return (row.bench ?? []).filter((one) => total(one) <= maxElements);
}

describe.each(rows)('$name gives the same bits with 1, 2, 3 and 8 threads', (row) => {
  it.each([...row.cases, ...largeCases(row)].map((one) => [caseName(one), one] as const))('%s', (_, one) => {
    const dtypes: readonly DType[] = row.cases.includes(one) ? dtypesOf(row) : dtypesOf(row).slice(0, 1);
    for (const dtype of dtypes) {
      const drawn = drawInputs(row, one, dtype);
      const run = (threads: number): ReturnType<typeof bitsOf> => {
        engine.setThreads(threads);
        return scope(() => bitsOf(row, one, dtype, toTensors(drawn)));
      };
      const want = run(1);
      for (const threads of [2, 3, 8]) {
        const got = run(threads);
        expect(
          difference('result', got.outs, want.outs) ?? difference('gradient', got.grads, want.grads),
          `${threads} threads, ${dtype}`,
        ).toBeNull();
      }
    }
  });
});
