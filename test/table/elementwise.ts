import { add, tensor, zeros } from '../../src/index.js';
import { zip } from '../helpers/nd.js';
import { row } from './row.js';

export const elementwise = [
  row({
    name: 'add',
    call: ([x, y]) => add(x!, y!),
    naive: ([x, y]) => zip(x!, y!, (a, b) => a + b),
    cases: [
      {
        shapes: [
          [3, 5],
          [3, 5],
        ],
      },
      { shapes: [[3, 1], [5]] },
      { shapes: [[], [2, 2]] },
      { shapes: [[0, 4], [4]] },
    ],
    torch: 'x[0] + x[1]',
    rejects: [
      { call: () => add(zeros([2]), zeros([3])), message: /add: cannot broadcast x \[2\] with y \[3\] \(axis -1: 2 vs 3\)/ },
      { call: () => add(tensor([1]), 'a' as unknown as number), message: /add: y must be a tensor or a number, got string/ },
    ],
    bench: [
      {
        shapes: [
          [1024, 1024],
          [1024, 1024],
        ],
      },
    ],
  }),
];
