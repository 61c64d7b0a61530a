/** Data that moves: copies in another order, rows by index and their gradients, joining, running sums, sorting. */
import { input, row, sizeOf, type Case, type Input } from '../lib/case.js';

const group = 'movement';
const bytes = (shape: readonly number[]): number => 4 * sizeOf(shape);
const indices = (shape: readonly number[], below: number): Input => input(shape, { below }, 'i64');

function permute(shape: readonly number[], axes: readonly number[], name: string): Case {
  return row({
    group,
    case: `${name} [${shape.join()}]`,
    kind: 'permute',
    options: { axes },
    inputs: [input(shape)],
    writes: bytes(shape),
  });
}

const square = [2048, 2048];
const table = [30_522, 768];
const rows = [4096, 768];

export const movement: readonly Case[] = [
  permute(square, [1, 0], 'transpose copy'),
  permute([1000, 37], [1, 0], 'transpose copy'),
  permute([32, 8, 128, 64], [0, 2, 1, 3], 'permute 0213'),
  permute([32, 8, 128, 64], [3, 0, 1, 2], 'permute 3012'),
  row({
    group,
    case: 'cat of two [1024,1024], last axis',
    kind: 'cat',
    options: { axis: 1 },
    inputs: [input([1024, 1024]), input([1024, 1024])],
    writes: bytes(square) / 2,
  }),
  row({
    group,
    case: 'gather [4096,1024], 256 of each row',
    kind: 'gather',
    options: { axis: 1 },
    inputs: [input([4096, 1024]), indices([4096, 256], 1024)],
    reads: 3 * bytes([4096, 256]),
    writes: bytes([4096, 256]),
  }),
  row({
    group,
    case: 'scatterAdd [4096,1024], 256 into each row',
    kind: 'scatterAdd',
    options: { axis: 1 },
    inputs: [input([4096, 1024]), indices([4096, 256], 1024), input([4096, 256])],
    writes: bytes([4096, 1024]),
    sums: 8,
  }),
  row({
    group,
    case: 'indexSelect 1M in random order',
    kind: 'indexSelect',
    inputs: [input([1 << 20]), indices([1 << 20], 1 << 20)],
    writes: bytes([1 << 20]),
  }),
  row({
    group,
    case: 'embedding 4096 rows of [30522,768]',
    kind: 'embedding',
    inputs: [indices([4096], 30_522), input(table)],
    reads: bytes(rows),
    writes: bytes(rows),
  }),
  row({
    group,
    case: 'embedding and gradient, 4096 rows of [30522,768]',
    kind: 'embedding',
    mode: 'both',
    wrt: [1],
    inputs: [indices([4096], 30_522), input(table), input(rows)],
    reads: 2 * bytes(rows),
    writes: bytes(rows) + bytes(table),
    sums: 8,
  }),
  row({
    group,
    case: 'embedding and gradient, 8192 rows of [1000,256]',
    kind: 'embedding',
    mode: 'both',
    wrt: [1],
    inputs: [indices([8192], 1000), input([1000, 256]), input([8192, 256])],
    reads: 2 * bytes([8192, 256]),
    writes: bytes([8192, 256]) + bytes([1000, 256]),
    sums: 30,
  }),
  ...[1, 0].map((axis) =>
    row({
      group,
      case: `cumsum [1024,1024], axis ${axis}`,
      kind: 'cumsum',
      options: { axis },
      inputs: [input([1024, 1024])],
      writes: bytes([1024, 1024]),
      sums: 1024,
    }),
  ),
  row({ group, case: 'sort [1024,1024]', kind: 'sort', inputs: [input([1024, 1024])], writes: 3 * bytes([1024, 1024]) }),
];
