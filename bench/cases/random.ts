/** Random numbers. Generators differ between engines, so results are compared by their mean and variance. */
import { input, row, type Case } from '../lib/case.js';

const common = { group: 'random', check: 'moments' as const };

const sized = (n: number): Case[] => {
  const name = n.toExponential().replace('+', '');
  return [
    row({ ...common, case: `dropout 0.1, ${name}`, kind: 'dropout', options: { p: 0.1 }, inputs: [input([n])], writes: 4 * n }),
    row({ ...common, case: `normal, ${name}`, kind: 'randn', options: { n }, inputs: [], writes: 4 * n }),
    row({ ...common, case: `uniform, ${name}`, kind: 'rand', options: { n }, inputs: [], writes: 4 * n }),
  ];
};

export const random: readonly Case[] = [1e5, 1e7].flatMap(sized);
