import { ones, scaledDotProductAttention, tensor, zeros, type Tensor } from '../../src/index.js';
import { at, build, size, type Nd } from '../helpers/nd.js';
import { row } from './row.js';

/** Inputs: query [..., T, D], key [..., S, D], value [..., S, E] and perhaps a mask that is added to the scores. */
interface Attrs {
  readonly isCausal?: boolean;
  readonly scale?: number;
  readonly enableGqa?: boolean;
  /** A bool mask [T, S] in which query i sees key j unless (i + 2 j) % period is 0; with period 1 it sees nothing. */
  readonly period?: number;
}

function boolMask(query: Tensor, key: Tensor, period: number): Tensor {
  const [t = 0, s = 0] = [query.shape.at(-2), key.shape.at(-2)];
  return tensor(
    Array.from({ length: t }, (_, i) => Array.from({ length: s }, (_, j) => (i + 2 * j) % period !== 0)),
    { dtype: 'bool' },
  );
}

/** The element at [...lead, i, j], axes of length 1 and missing leading axes being broadcast. */
function pick(x: Nd, lead: readonly number[], i: number, j: number): number {
  const index = [...lead, i, j].slice(lead.length + 2 - x.shape.length);
  return at(
    x,
    index.map((v, d) => (x.shape[d] === 1 ? 0 : v)),
  );
}

function naive([query, key, value, mask]: readonly Nd[], attrs: Attrs): Nd {
  const [q, k, v] = [query!, key!, value!];
  const [length = 0, depth = 0] = q.shape.slice(-2);
  const [keys = 0, width = 0] = v.shape.slice(-2);
  const { isCausal = false, scale = 1 / Math.sqrt(depth), enableGqa = false, period } = attrs;
  const rank = Math.max(q.shape.length, k.shape.length, v.shape.length) - 2;
  const lead = Array.from({ length: rank }, (_, d) =>
    Math.max(
      ...[q, k, v].map(({ shape }) => (enableGqa && d === rank - 1 ? q.shape.at(-3)! : (shape[d - (rank + 2 - shape.length)] ?? 1))),
    ),
  );
  return build([...lead, length, width], (index) => {
    const head = index.slice(0, -2);
    const [i = 0, e = 0] = index.slice(-2);
    // With grouped queries, neighbouring heads share those of key and value.
    const shared = enableGqa ? head.with(-1, Math.floor(head.at(-1)! / (q.shape.at(-3)! / k.shape.at(-3)!))) : head;
    const scores = Array.from({ length: keys }, (_, j) => {
      if ((isCausal && j > i) || (period !== undefined && (i + 2 * j) % period === 0)) return -Infinity;
      let sum = 0;
      for (let d = 0; d < depth; d++) sum += pick(q, head, i, d) * pick(k, shared, j, d);
      return sum * scale + (mask === undefined ? 0 : pick(mask, head, i, j));
    });
    const high = Math.max(...scores);
    if (high === -Infinity) return 0;
    const powers = scores.map((s) => Math.exp(s - high));
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.reduce((sum, p, j) => sum + (p / total) * pick(v, shared, j, e), 0);
  });
}

const torch = [
  '(lambda q, k, v, scores: (lambda keep: torch.softmax((scores + (x[3] if len(x) > 3 else 0)).masked_fill(~keep, -1e30), -1).masked_fill(~keep, 0) @ v)',
  "(torch.ones(scores.shape[-2:], dtype=torch.bool).tril() if a.get('isCausal') else",
  " torch.tensor([[(i + 2 * j) % a['period'] != 0 for j in range(scores.shape[-1])] for i in range(scores.shape[-2])], dtype=torch.bool).reshape(scores.shape[-2:]) if 'period' in a else",
  ' torch.ones(scores.shape[-2:], dtype=torch.bool)))',
  "(*(lambda q, k, v: (q, k, v, (q @ k.transpose(-2, -1)) * a.get('scale', 1 / math.sqrt(q.shape[-1]))))",
  "(x[0], *([y.repeat_interleave(x[0].shape[-3] // y.shape[-3], -3) for y in x[1:3]] if a.get('enableGqa') else x[1:3])))",
].join('');

export const attention = [
  row<Attrs>({
    name: 'scaledDotProductAttention',
    ops: ['scaledDotProductAttentionGrad'],
    call: ([query, key, value, mask], { period, ...options }) =>
      scaledDotProductAttention(query!, key!, value!, {
        ...options,
        attnMask: period === undefined ? (mask ?? null) : boolMask(query!, key!, period),
      }),
    naive,
    cases: [
      { shapes: [[3, 4], [5, 4], [5, 2]], attrs: {} }, // prettier-ignore
      { shapes: [[1, 1], [1, 1], [1, 1]], attrs: { scale: 0.5 } }, // prettier-ignore
      { shapes: [[2, 3, 7, 4], [2, 3, 7, 4], [2, 3, 7, 4]], attrs: { isCausal: true } }, // prettier-ignore
      { shapes: [[2, 1, 5, 3], [3, 6, 3], [6, 5]], attrs: {} }, // prettier-ignore
      // past a group of 32 queries and a tile of 128 keys
      { shapes: [[37, 3], [9, 3], [9, 2]], attrs: { isCausal: true } }, // prettier-ignore
      { shapes: [[3, 2], [133, 2], [133, 1]], attrs: {} }, // prettier-ignore
      { shapes: [[70, 2], [70, 2], [70, 3]], attrs: { isCausal: true, scale: 1 } }, // prettier-ignore
      { shapes: [[2, 5, 16], [2, 7, 16], [2, 7, 16]], attrs: {} }, // prettier-ignore
      // the diagonal goes by halves of a group and by 12 rows: ends before, in and behind them, keys shorter than queries and longer
      { shapes: [[25, 2], [40, 2], [40, 16]], attrs: { isCausal: true } }, // prettier-ignore
      { shapes: [[47, 16], [21, 16], [21, 2]], attrs: { isCausal: true } }, // prettier-ignore
      { shapes: [[139, 1], [150, 1], [150, 1]], attrs: { isCausal: true } }, // prettier-ignore
      // masks: one number a pair, the same for all queries, by head
      { shapes: [[2, 5, 3], [2, 6, 3], [2, 6, 4], [5, 6]], attrs: {} }, // prettier-ignore
      { shapes: [[2, 5, 3], [2, 6, 3], [2, 6, 4], [2, 1, 6]], attrs: { scale: 0.3 } }, // prettier-ignore
      { shapes: [[2, 5, 3], [2, 6, 3], [2, 6, 4], [6]], attrs: { isCausal: true } }, // prettier-ignore
      { shapes: [[2, 7, 3], [2, 6, 3], [2, 6, 4]], attrs: { period: 3 } }, // prettier-ignore
      { shapes: [[2, 3, 3], [2, 4, 3], [2, 4, 4]], attrs: { period: 1 } }, // prettier-ignore
      { shapes: [[2, 4, 3, 2], [2, 2, 5, 2], [2, 2, 5, 3]], attrs: { enableGqa: true } }, // prettier-ignore
      { shapes: [[2, 0, 4], [2, 3, 4], [2, 3, 4]], attrs: {} }, // prettier-ignore
      { shapes: [[2, 3, 4], [2, 0, 4], [2, 0, 5]], attrs: {} }, // prettier-ignore
      { shapes: [[0, 3, 4], [0, 2, 4], [0, 2, 4]], attrs: {} }, // prettier-ignore
    ],
    torch,
    rejects: [
      {
        call: () => scaledDotProductAttention(zeros([2, 3, 4]), zeros([2, 5, 3]), zeros([2, 5, 4])),
        message: /scaledDotProductAttention: query \[2,3,4\], key \[2,5,3\] and value \[2,5,4\]: query and key must have the same depth/,
      },
      {
        call: () => scaledDotProductAttention(zeros([3, 4]), zeros([5, 4]), zeros([6, 4])),
        message: /scaledDotProductAttention: query \[3,4\], key \[5,4\] and value \[6,4\]: key and value must have the same length/,
      },
      {
        call: () => scaledDotProductAttention(zeros([4]), zeros([5, 4]), zeros([5, 4])),
        message: /scaledDotProductAttention: query \[4\] must have two axes or more/,
      },
      {
        call: () => scaledDotProductAttention(zeros([2, 3, 4]), zeros([3, 5, 4]), zeros([5, 4])),
        message: /scaledDotProductAttention: cannot broadcast the leading axes of query \[2\] with those of key \[3\]/,
      },
      {
        call: () => scaledDotProductAttention(zeros([3, 4]), zeros([5, 4]), zeros([5, 4]), { attnMask: zeros([5, 3]) }),
        message: /scaledDotProductAttention: attnMask \[5,3\] does not broadcast to the scores \[3,5\]/,
      },
      {
        call: () => scaledDotProductAttention(zeros([3, 4]), zeros([5, 4]), zeros([5, 4]), { attnMask: ones([3, 5], { dtype: 'i32' }) }),
        message: /scaledDotProductAttention: attnMask must be bool or f32, got i32 \[3,5\]/,
      },
      {
        call: () => scaledDotProductAttention(zeros([3, 4]), zeros([5, 4], { dtype: 'f64' }), zeros([5, 4])),
        message: /scaledDotProductAttention: query f32 \[3,4\] and key f64 \[5,4\] have different dtypes/,
      },
      {
        call: () => scaledDotProductAttention(zeros([3, 4], { dtype: 'i32' }), zeros([5, 4]), zeros([5, 4])),
        message: /scaledDotProductAttention: query must be floating, got i32 \[3,4\]/,
      },
      {
        call: () => scaledDotProductAttention(zeros([3, 4]), zeros([5, 4]), zeros([5, 4]), { dropoutP: 2 }),
        message: /scaledDotProductAttention: dropoutP must be a probability in \[0, 1\], got 2/,
      },
      {
        call: () => scaledDotProductAttention(zeros([3, 3, 4]), zeros([2, 5, 4]), zeros([2, 5, 4]), { enableGqa: true }),
        message: /scaledDotProductAttention: query \[3,3,4\], key \[2,5,4\] and value \[2,5,4\]: with enableGqa the heads of query/,
      },
    ],
    bench: [
      { shapes: [[12, 128, 64], [12, 128, 64], [12, 128, 64]], attrs: {} }, // prettier-ignore
      { shapes: [[3, 300, 40], [3, 300, 40], [3, 300, 40]], attrs: { isCausal: true } }, // prettier-ignore
    ],
    flops: ([query = [], key = []], { isCausal = false }) => 4 * size(query) * (key.at(-2) ?? 1) * (isCausal ? 0.5 : 1),
  }),
];
