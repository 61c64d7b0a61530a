import { describe, expect, it } from 'vitest';
import { rows } from '../table/index.js';
import { judge, report, shrink } from './rounds.js';
import { makerOf, makeTrial } from './trial.js';

/**
 * A few of the problems that `npm run test:fuzz` makes by the thousand (test/long/fuzz.ts), against plain loops, and always the same ones. Loops of loops take their
 * time: sizes stay below most edges of blocks, but not below those of vectors and of joined rows.
 */
const perOp = 4;
const most = 1000;

describe('random problems', () => {
  it.each(rows.flatMap((row) => (makerOf(row) === undefined ? [] : [[row.name, row] as const])))('of %s equal the definition', (_, row) => {
    const maker = makerOf(row);
    if (maker === undefined) return;
    const trials = Array.from({ length: perOp }, (__, i) => makeTrial(row, maker, `${row.name} ${i}`, most));
    judge(trials, null, () => undefined).forEach((verdict, i) => {
      const trial = trials[i];
      if (typeof verdict !== 'string' || trial === undefined) return;
      expect.fail(report(shrink(trial, verdict, maker, row, null)));
    });
  });

  it('are made for all ops but those without inputs of any size', () => {
    expect(rows.filter((row) => makerOf(row) === undefined).map(({ name }) => name)).toEqual(['chunk']);
  });
});
