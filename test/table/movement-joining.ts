import { cat, pad, repeat, repeatInterleave, roll, stack, tile, zeros, type PadMode } from '../../src/index.js';
import { at, build, drop, insert, pick, withAt, type Nd } from '../helpers/nd.js';
import { every, moves } from './row.js';

function naiveCat(xs: readonly Nd[], axis: number): Nd {
  const shape = withAt(
    xs[0]!.shape,
    axis,
    xs.reduce((sum, x) => sum + x.shape[axis]!, 0),
  );
  return build(shape, (index) => {
    let i = index[axis]!;
    const x = xs.find((one) => (i < one.shape[axis]! ? true : ((i -= one.shape[axis]!), false)))!;
    return at(x, withAt(index, axis, i));
  });
}

function naiveRepeat(x: Nd, reps: readonly number[]): Nd {
  const shape = [...Array.from({ length: reps.length - x.shape.length }, () => 1), ...x.shape];
  return pick(
    { shape, data: x.data },
    shape.map((n, d) => n * reps[d]!),
    (index) => index.map((i, d) => i % shape[d]!),
  );
}

function naivePad(x: Nd, padding: readonly number[], mode: PadMode, value: number): Nd {
  const rank = x.shape.length;
  const before = x.shape.map((_, d) => padding[2 * (rank - 1 - d)] ?? 0);
  const shape = x.shape.map((n, d) => n + before[d]! + (padding[2 * (rank - 1 - d) + 1] ?? 0));
  return build(shape, (index) => {
    let outside = false;
    const where = index.map((i, d) => {
      const n = x.shape[d]!;
      const p = i - before[d]!;
      if (p >= 0 && p < n) return p;
      outside = true;
      if (mode === 'reflect') return p < 0 ? -p : 2 * n - 2 - p;
      return mode === 'circular' ? (p + n) % n : p < 0 ? 0 : n - 1;
    });
    return outside && mode === 'constant' ? value : at(x, where);
  });
}

export const movementJoining = [
  moves<{ axis: number }>({
    name: 'cat',
    call: (xs, { axis }) => cat(xs, axis),
    naive: (xs, { axis }) => naiveCat(xs, axis),
    cases: [
      {
        shapes: [
          [2, 3],
          [2, 1],
          [2, 4],
        ],
        attrs: { axis: 1 },
      },
      {
        shapes: [
          [1, 5],
          [0, 5],
          [3, 5],
        ].map((s) => s),
        attrs: { axis: 0 },
      },
      { shapes: [[4]], attrs: { axis: 0 } },
    ],
    dtypes: every,
    torch: "torch.cat(list(x), a['axis'])",
    rejects: [
      { call: () => cat([]), message: /cat: needs an array of at least one tensor/ },
      {
        call: () => cat([zeros([2, 3]), zeros([3, 3])], 1),
        message: /cat: xs\[1\] \[3,3\] differs from xs\[0\] \[2,3\] elsewhere than along axis 1/,
      },
      {
        call: () => cat([zeros([2]), zeros([2], { dtype: 'i32' })]),
        message: /cat: xs\[1\] i32 \[2\] has another dtype than xs\[0\] f32 \[2\]/,
      },
      { call: () => cat([zeros([]), zeros([])]), message: /cat: axis 0 does not exist/ },
    ],
    bench: [
      {
        shapes: [
          [512, 1024],
          [512, 1024],
        ],
        attrs: { axis: 1 },
      },
    ],
  }),
  moves<{ axis: number }>({
    name: 'stack',
    ops: ['cat', 'unsqueeze'],
    call: (xs, { axis }) => stack(xs, axis),
    naive: (xs, { axis }) => {
      const at0 = axis < 0 ? axis + xs[0]!.shape.length + 1 : axis;
      return build(insert(xs[0]!.shape, at0, xs.length), (index) => at(xs[index[at0]!]!, drop(index, at0)));
    },
    cases: [
      {
        shapes: [
          [2, 3],
          [2, 3],
        ],
        attrs: { axis: -1 },
      },
      { shapes: [[], [], []], attrs: { axis: 0 } },
      { shapes: [[0, 2]], attrs: { axis: 1 } },
    ],
    torch: "torch.stack(list(x), a['axis'])",
    rejects: [{ call: () => stack([zeros([2]), zeros([3])]), message: /stack: xs\[1\] \[3\] differs from xs\[0\] \[2\]/ }],
  }),
  moves<{ reps: number[] }>({
    name: 'repeat',
    ops: ['expand', 'reshape'],
    call: ([x], { reps }) => repeat(x!, reps),
    naive: ([x], { reps }) => naiveRepeat(x!, reps),
    cases: [
      { shapes: [[2, 3]], attrs: { reps: [2, 1, 3] } },
      { shapes: [[2, 3]], attrs: { reps: [1, 1] } },
      { shapes: [[]], attrs: { reps: [2, 2] } },
      { shapes: [[1, 1, 2, 1, 1, 1, 1, 2]], attrs: { reps: [1, 2, 2, 1, 1, 1, 1, 2] } },
      { shapes: [[3]], attrs: { reps: [0] } },
    ],
    bench: [{ shapes: [[120, 130]], attrs: { reps: [2, 3] } }],
    torch: "x[0].repeat(a['reps'])",
    rejects: [
      { call: () => repeat(zeros([2, 3]), [2]), message: /repeat: reps \[2\] has fewer entries than x \[2,3\] has axes/ },
      { call: () => repeat(zeros([2]), [-1]), message: /repeat: reps \[-1\] must hold whole numbers >= 0/ },
    ],
  }),
  moves<{ reps: number[] }>({
    name: 'tile',
    ops: ['expand', 'reshape'],
    call: ([x], { reps }) => tile(x!, reps),
    naive: ([x], { reps }) => naiveRepeat(x!, [...x!.shape.map(() => 1), ...reps].slice(-Math.max(reps.length, x!.shape.length))),
    cases: [
      { shapes: [[2, 3]], attrs: { reps: [3] } },
      { shapes: [[3]], attrs: { reps: [2, 2] } },
    ],
    torch: "torch.tile(x[0], a['reps'])",
    rejects: [{ call: () => tile(zeros([2]), [1.5]), message: /repeat: reps \[1.5\] must hold whole numbers >= 0/ }],
  }),
  moves<{ n: number; axis: number }>({
    name: 'repeatInterleave',
    ops: ['expand', 'reshape'],
    call: ([x], { n, axis }) => repeatInterleave(x!, n, axis),
    naive: ([x], { n, axis }) =>
      pick(x!, withAt(x!.shape, axis, x!.shape[axis]! * n), (index) => withAt(index, axis, Math.floor(index[axis]! / n))),
    cases: [
      { shapes: [[2, 3]], attrs: { n: 2, axis: 0 } },
      { shapes: [[2, 3]], attrs: { n: 3, axis: 1 } },
      { shapes: [[2]], attrs: { n: 1, axis: 0 } },
    ],
    torch: "x[0].repeat_interleave(a['n'], dim=a['axis'])",
    rejects: [{ call: () => repeatInterleave(zeros([2]), -1, 0), message: /repeatInterleave: n must be a whole number >= 0, got -1/ }],
  }),
  moves<{ shift: number | number[]; axis?: number | number[] }>({
    name: 'roll',
    ops: ['cat', 'slice'],
    call: ([x], { shift, axis }) => roll(x!, shift, axis),
    naive: ([x], { shift, axis }) => {
      const by = [shift].flat();
      if (axis === undefined) {
        const n = x!.data.length;
        return { shape: x!.shape, data: x!.data.map((_, i) => x!.data[(((i - by[0]!) % n) + n) % n]!) };
      }
      const axes = [axis].flat();
      return pick(x!, x!.shape, (index) =>
        index.map((i, d) => (axes.includes(d) ? (((i - by[axes.indexOf(d)]!) % x!.shape[d]!) + x!.shape[d]!) % x!.shape[d]! : i)),
      );
    },
    cases: [
      { shapes: [[3, 4]], attrs: { shift: 2 } },
      { shapes: [[3, 4]], attrs: { shift: -5, axis: 1 } },
      { shapes: [[3, 4]], attrs: { shift: [1, 2], axis: [0, 1] } },
      { shapes: [[3]], attrs: { shift: 3, axis: 0 } },
    ],
    torch: "torch.roll(x[0], a['shift'], a.get('axis'))",
    rejects: [
      { call: () => roll(zeros([2, 3]), [1, 2], 0), message: /roll: 2 shifts for 1 axes/ },
      { call: () => roll(zeros([2, 3]), 1, 2), message: /roll: axis 2 does not exist in x \[2,3\]/ },
    ],
  }),
  moves<{ padding: number[]; mode?: PadMode; value?: number }>({
    name: 'pad',
    dtypes: ['f32', 'f64'],
    ops: ['place', 'slice', 'indexSelect'],
    call: ([x], { padding, ...options }) => pad(x!, padding, options),
    naive: ([x], { padding, mode = 'constant', value = 0 }) => naivePad(x!, padding, mode, value),
    cases: [
      { shapes: [[2, 3]], attrs: { padding: [1, 2] } },
      { shapes: [[2, 3]], attrs: { padding: [-1, 2, 1, -1], value: 1 } },
      { shapes: [[1, 2, 4]], attrs: { padding: [2, 1], mode: 'reflect' } },
      { shapes: [[1, 2, 4]], attrs: { padding: [3, 5], mode: 'replicate' } },
      { shapes: [[1, 2, 4]], attrs: { padding: [4, 1], mode: 'circular' } },
      { shapes: [[0, 2]], attrs: { padding: [1, 1] } },
      { shapes: [[]], attrs: { padding: [] } },
    ],
    bench: [{ shapes: [[8, 120, 130]], attrs: { padding: [1, 2, 3, 4] } }],
    torch:
      "F.pad(x[0], a['padding'], mode=a.get('mode', 'constant'), value=a.get('value', 0) if a.get('mode', 'constant') == 'constant' else None)",
    rejects: [
      {
        call: () => pad(zeros([2, 3]), [1]),
        message: /pad: padding \[1\] must be two whole numbers for each of the last axes of x \[2,3\]/,
      },
      { call: () => pad(zeros([2, 3]), [-2, -2]), message: /pad: padding -2, -2 cuts off more than axis 1 of x \[2,3\] has/ },
      { call: () => pad(zeros([2, 3]), [3, 0], { mode: 'reflect' }), message: /pad: reflect padding 3, 0 needs more elements than axis 1/ },
      {
        call: () => pad(zeros([2]), [1, 1], { mode: 'mirror' as PadMode }),
        message: /pad: mode must be constant, reflect, replicate or circular, got mirror/,
      },
    ],
  }),
];
