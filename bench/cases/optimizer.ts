/** One step over ten million parameters, in one tensor and in many: the first half of the inputs are parameters, the second their gradients. */
import { input, row, type Case } from '../lib/case.js';

const total = 10_000_000;

interface Rule {
  readonly name: string;
  /** Arrays that the rule reads and writes for each parameter, gradient and parameter included. */
  readonly reads: number;
  readonly writes: number;
  readonly momentum?: number;
}

const rules: readonly Rule[] = [
  { name: 'Adam', reads: 4, writes: 3 },
  { name: 'AdamW', reads: 4, writes: 3 },
  { name: 'SGD', reads: 3, writes: 2, momentum: 0.9 },
];

function steps(count: number): Case[] {
  const shape = [total / count];
  const inputs = Array.from({ length: 2 * count }, () => input(shape));
  return rules.map(({ name, reads, writes, momentum = 0 }) =>
    row({
      group: 'optimizer',
      case: `${name}${momentum > 0 ? ' with momentum' : ''}, 10M in ${count}`,
      kind: 'optimizer',
      options: { name, momentum },
      inputs,
      reads: 4 * reads * total,
      writes: 4 * writes * total,
      sums: 16,
      inPlace: true,
    }),
  );
}

export const optimizer: readonly Case[] = [1, 200].flatMap(steps);
