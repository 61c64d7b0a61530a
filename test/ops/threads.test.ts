import { afterAll, describe, expect, it } from 'vitest';
import { engine, scope, type DType } from '../../src/index.js';
import { bitsOf, difference } from '../helpers/calls.js';
import { drawInputs, toTensors } from '../helpers/draw.js';
import { caseName, dtypesOf, largeCasesOf, rows } from '../table/index.js';

const before = engine.stats().threads;
afterAll(() => engine.setThreads(before));

/** Small cases run on one thread; more elements than this would only take longer. */
const most = 1 << 21;

describe.each(rows)('$name gives the same bits with 1, 2, 3 and 8 threads', (row) => {
  it.each([...row.cases, ...largeCasesOf(row, most)].map((one) => [caseName(one), one] as const))('%s', (_, one) => {
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
