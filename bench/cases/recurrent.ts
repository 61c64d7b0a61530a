/** Sequences through LSTM and GRU layers: forward without a graph, and forward with all gradients. */
import { input, row, type Case } from '../lib/case.js';

const gatesOf = { lstm: 4, gru: 3 };

function rows(cell: 'lstm' | 'gru', layers: number, hidden: number, steps: number, batch: number): Case[] {
  const gates = gatesOf[cell];
  const bound = 1 / Math.sqrt(hidden);
  const shapes = Array.from({ length: layers }, () => [
    [gates * hidden, hidden],
    [gates * hidden, hidden],
    [gates * hidden],
    [gates * hidden],
  ]);
  const x = [batch, steps, hidden];
  const inputs = [input(x), ...shapes.flat().map((shape) => input(shape, { low: -bound, high: bound }))];
  const flops = layers * 4 * batch * steps * gates * hidden * hidden;
  const common = { group: 'recurrent', kind: 'recurrent', options: { cell, layers, hidden }, sums: 2 * hidden };
  const name = `${cell.toUpperCase()} ${layers} x ${hidden}, ${steps} steps, batch ${batch}`;
  return [
    row({ ...common, case: name, inputs, flops }),
    row({
      ...common,
      case: `${name} and gradients`,
      inputs: [...inputs, input(x)],
      mode: 'both',
      wrt: inputs.map((_, i) => i),
      flops: 3 * flops,
      sums: batch * steps,
    }),
  ];
}

export const recurrent: readonly Case[] = (['lstm', 'gru'] as const).flatMap((cell) => [
  ...rows(cell, 1, 64, 32, 8),
  ...rows(cell, 2, 256, 64, 32),
  ...rows(cell, 2, 512, 64, 64),
]);
