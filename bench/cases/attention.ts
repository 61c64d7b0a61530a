/** Attention in one op, against the same made of matrix products and a softmax. Shapes are [batch, heads, T, head size]. */
import { input, row, sizeOf, type Case } from '../lib/case.js';

function rows(t: number): Case[] {
  const shape = [t > 1000 ? 1 : t > 200 ? 4 : 16, 8, t, 64];
  return [false, true].flatMap((causal) => {
    const inputs = Array.from({ length: 3 }, () => input(shape));
    const bytes = 4 * sizeOf(shape);
    // Two products forward, five more backward (the scores again, dV, dP, dQ, dK); causal attention needs the lower triangle only.
    const flops = 2 * 2 * sizeOf(shape) * (causal ? (t + 1) / 2 : t);
    const common = { group: 'attention', kind: 'attention', options: { causal }, sums: t };
    const name = `T=${t}${causal ? ' causal' : ''} [${shape.join()}]`;
    return [
      row({ ...common, case: name, inputs, flops, writes: bytes }),
      row({
        ...common,
        case: `${name} and gradient`,
        mode: 'both',
        wrt: [0, 1, 2],
        inputs: [...inputs, input(shape)],
        flops: 3.5 * flops,
        writes: 4 * bytes,
      }),
    ];
  });
}

export const attention: readonly Case[] = [128, 512, 2048].flatMap(rows);
