/** What a call costs, before any arithmetic: ops on 4 elements. Times are of one op; `repeat` of them make one call of the table. */
import { input, row, type Case } from '../lib/case.js';

const four = [input([4]), input([4])];
const common = { group: 'call', inputs: four, reads: 0, options: { repeat: 100 } };

export const call: readonly Case[] = [
  row({ ...common, case: 'add of 4 floats', kind: 'addInScope' }),
  row({ ...common, case: 'add of 4 floats, recorded', kind: 'addRecorded' }),
  row({ ...common, case: '(a + b).sum().backward()', kind: 'addSumBackward' }),
];
