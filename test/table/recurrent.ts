import { gru, lstm, rnn, tensor, zeros, type Tensor } from '../../src/index.js';
import type { Nd } from '../helpers/nd.js';
import { row, type Case } from './row.js';

/** Inputs: x, weightIh, weightHh and, as far as they are there, biasIh, biasHh, h, c. */
interface Attrs {
  readonly batchFirst?: boolean;
  readonly reverse?: boolean;
  readonly nonlinearity?: 'tanh' | 'relu';
}

const weights = ([, weightIh, weightHh, biasIh, biasHh]: readonly Tensor[]): Parameters<typeof lstm>[1] => ({
  weightIh: weightIh!,
  weightHh: weightHh!,
  biasIh: biasIh ?? null,
  biasHh: biasHh ?? null,
});

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));

/** Sums of one gate row by row: those of x with its bias, and those of h with its bias. */
type Sums = (gate: number) => readonly [x: number, h: number];
/** State of one unit before a step -> after it; the first number is its output. */
type Cell = (sums: Sums, before: readonly number[]) => number[];

/** A recurrence in plain loops: results y and the last states. `states`: how many numbers a unit remembers. */
function naive(inputs: readonly Nd[], { batchFirst = false, reverse = false }: Attrs, states: number, cell: Cell): Nd[] {
  const [x, weightIh, weightHh, biasIh, biasHh, ...first] = inputs as [Nd, Nd, Nd, ...(Nd | undefined)[]];
  const [a = 0, b = 0, features = 0] = x.shape;
  const [steps, rows] = batchFirst ? [b, a] : [a, b];
  const hidden = weightHh.shape[1] ?? 0;
  const y = new Float64Array(steps * rows * hidden);
  const last = Array.from({ length: states }, () => new Float64Array(rows * hidden));
  const place = (t: number, r: number): number => (batchFirst ? r * steps + t : t * rows + r);
  for (let r = 0; r < rows; r++) {
    let state = Array.from({ length: hidden }, (_, j) => Array.from({ length: states }, (__, s) => first[s]?.data[r * hidden + j] ?? 0));
    for (let i = 0; i < steps; i++) {
      const t = reverse ? steps - 1 - i : i;
      state = state.map((before, j) => {
        const sums: Sums = (gate) => {
          const q = gate * hidden + j;
          let fromX = biasIh?.data[q] ?? 0;
          for (let k = 0; k < features; k++) fromX += x.data[place(t, r) * features + k]! * weightIh.data[q * features + k]!;
          let fromH = biasHh?.data[q] ?? 0;
          for (let k = 0; k < hidden; k++) fromH += state[k]![0]! * weightHh.data[q * hidden + k]!;
          return [fromX, fromH];
        };
        return cell(sums, before);
      });
      state.forEach((values, j) => (y[place(t, r) * hidden + j] = values[0]!));
    }
    state.forEach((values, j) => values.forEach((v, s) => (last[s]![r * hidden + j] = v)));
  }
  return [{ shape: [a, b, hidden], data: y }, ...last.map((data) => ({ shape: [rows, hidden], data }))];
}

const lstmCell: Cell = (sums, [, c = 0]) => {
  const [i = 0, f = 0, g = 0, o = 0] = [0, 1, 2, 3].map((gate) => sums(gate)[0] + sums(gate)[1]);
  const cell = sigmoid(f) * c + sigmoid(i) * Math.tanh(g);
  return [sigmoid(o) * Math.tanh(cell), cell];
};
const gruCell: Cell = (sums, [h = 0]) => {
  const [r, z] = [0, 1].map((gate) => sigmoid(sums(gate)[0] + sums(gate)[1])) as [number, number];
  const n = Math.tanh(sums(2)[0] + r * sums(2)[1]);
  return [(1 - z) * n + z * h];
};

/** Cases: x [a, b, features], `gates` gates of `hidden` units, with as many of the optional inputs as `given` says. */
function cases(gates: number, states: number): Case<Attrs>[] {
  const shapes = (x: readonly [number, number, number], hidden: number, rows: number, given: number): (readonly number[])[] =>
    [
      x,
      [gates * hidden, x[2]],
      [gates * hidden, hidden],
      [gates * hidden],
      [gates * hidden],
      ...Array.from({ length: states }, () => [rows, hidden]),
    ].slice(0, 3 + given);
  return [
    { shapes: shapes([3, 2, 4], 5, 2, 2 + states), attrs: {} },
    { shapes: shapes([1, 1, 1], 1, 1, 0), attrs: {} },
    { shapes: shapes([2, 3, 2], 3, 2, 2 + states), attrs: { batchFirst: true } },
    { shapes: shapes([3, 2, 3], 2, 2, 2 + states), attrs: { reverse: true } },
    { shapes: shapes([2, 4, 1], 3, 2, 2), attrs: { batchFirst: true, reverse: true } },
    { shapes: shapes([2, 0, 3], 2, 0, 2 + states), attrs: {} },
    { shapes: shapes([2, 2, 0], 3, 2, 2 + states), attrs: {} },
    { shapes: shapes([2, 3, 2], 9, 3, 2), attrs: {} },
    { shapes: shapes([2, 9, 1], 2, 9, 2 + states), attrs: {} }, // rows for two units of work
  ];
}
/** Rows enough for several units of work, odd tails, and k in several blocks. */
const large = (gates: number): Case<Attrs>[] => [
  {
    shapes: [[3, 35, 20], [gates * 37, 20], [gates * 37, 37], [gates * 37], [gates * 37]],
    attrs: { batchFirst: false },
  },
  {
    shapes: [
      [17, 2, 8],
      [gates * 200, 8],
      [gates * 200, 200],
    ],
    attrs: { batchFirst: true, reverse: true },
  },
];

/** PyTorch's own layer; it has no reverse, so time is turned before and after. */
const torchOf = (call: string, gates: string): string =>
  `(lambda d, b: (lambda out: (out[0].flip(d) if a.get('reverse') else out[0], *[s[0] for s in out[1:]]))(
    (lambda xs, w, st: ${call})(x[0].flip(d) if a.get('reverse') else x[0], [x[1], x[2], *(x[3:5] if len(x) > 3 else [torch.zeros(x[1].shape[0]).to(x[0])] * 2)],
      [s[None] for s in x[5:]] or [torch.zeros(1, b, x[2].shape[1]).to(x[0])] * ${gates})))(1 if a.get('batchFirst') else 0, x[0].shape[0 if a.get('batchFirst') else 1])`.replace(
    /\n\s*/g,
    ' ',
  );
const rest = "True, 1, 0.0, False, False, bool(a.get('batchFirst'))";

const w = (shape: number[]): Tensor => zeros(shape);

/** Sums of sums over all steps: errors grow with their number. */
const tolerance = 16;

export const recurrent = [
  row<Attrs>({
    name: 'lstm',
    halves: 8,
    ops: ['lstmGrad'],
    call: (x, attrs) => {
      const { y, h, c } = lstm(x[0]!, weights(x), { h: x[5] ?? null, c: x[6] ?? null }, attrs);
      return [y, h, c];
    },
    naive: (x, attrs) => naive(x, attrs, 2, lstmCell),
    cases: cases(4, 2),
    tolerance,
    torch: torchOf(`torch._VF.lstm(xs, st, w, ${rest})`, '2'),
    rejects: [
      {
        call: () => lstm(w([3, 2]), { weightIh: w([8, 2]), weightHh: w([8, 2]) }),
        message: /lstm: x \[3,2\] must be \[steps, batch, features\]/,
      },
      {
        call: () => lstm(w([3, 2, 5]), { weightIh: w([8, 4]), weightHh: w([8, 2]) }),
        message: /lstm: weightIh \[8,4\] must be \[8,5\] for x \[3,2,5\] and weightHh \[8,2\]/,
      },
      {
        call: () => lstm(w([3, 2, 5]), { weightIh: w([8, 5]), weightHh: w([6, 2]) }),
        message: /lstm: weightHh \[6,2\] must be \[4 H, H\]/,
      },
      { call: () => lstm(w([0, 2, 5]), { weightIh: w([8, 5]), weightHh: w([8, 2]) }), message: /lstm: x \[0,2,5\] has no steps/ },
      {
        call: () => lstm(w([3, 2, 5]), { weightIh: w([8, 5]), weightHh: w([8, 2]) }, { c: w([3, 2]) }),
        message: /lstm: c \[3,2\] must be \[2,2\]/,
      },
      {
        call: () => lstm(tensor([[[1]]], { dtype: 'i32' }), { weightIh: w([4, 1]), weightHh: w([4, 1]) }),
        message: /lstm: x must be floating, got i32 \[1,1,1\]/,
      },
    ],
    bench: large(4),
  }),
  row<Attrs>({
    name: 'gru',
    halves: 8,
    ops: ['gruGrad'],
    call: (x, attrs) => {
      const { y, h } = gru(x[0]!, weights(x), x[5], attrs);
      return [y, h];
    },
    naive: (x, attrs) => naive(x, attrs, 1, gruCell),
    cases: cases(3, 1),
    tolerance,
    torch: torchOf(`torch._VF.gru(xs, st[0], w, ${rest})`, '1'),
    rejects: [
      { call: () => gru(w([3, 2, 5]), { weightIh: w([6, 5]), weightHh: w([8, 2]) }), message: /gru: weightHh \[8,2\] must be \[3 H, H\]/ },
      {
        call: () => gru(w([3, 2, 5]), { weightIh: w([6, 5]), weightHh: w([6, 2]), biasIh: w([4]) }),
        message: /gru: biasIh \[4\] must be \[6\]/,
      },
    ],
    bench: large(3),
  }),
  row<Attrs>({
    name: 'rnn',
    halves: 8,
    ops: ['rnnGrad'],
    call: (x, attrs) => {
      const { y, h } = rnn(x[0]!, weights(x), x[5], attrs);
      return [y, h];
    },
    naive: (x, attrs) =>
      naive(x, attrs, 1, (sums) => {
        const sum = sums(0)[0] + sums(0)[1];
        return [attrs.nonlinearity === 'relu' ? Math.max(sum, 0) : Math.tanh(sum)];
      }),
    cases: [...cases(1, 1), { shapes: [[3, 2, 4], [5, 4], [5, 5], [5], [5], [2, 5]], attrs: { nonlinearity: 'relu' } }],
    tolerance,
    torch: torchOf(`getattr(torch._VF, 'rnn_' + a.get('nonlinearity', 'tanh'))(xs, st[0], w, ${rest})`, '1'),
    rejects: [
      { call: () => rnn(w([3, 2, 5]), { weightIh: w([2, 5]), weightHh: w([3, 2]) }), message: /rnn: weightHh \[3,2\] must be \[H, H\]/ },
    ],
    bench: large(1),
  }),
];
