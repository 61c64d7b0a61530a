/**
 * Elementwise ops: nanoseconds an element at three sizes, one thread and all, and what part of the time moving the bytes alone would take.
 *
 *   npm run bench -- elementwise.bench
 *
 * The yardstick is the engine's own `neg`, the plainest loop over the same number of inputs: at 1e3 elements it is the price of a command, at 1e5 that of the cache,
 * at 1e7 that of memory.
 */
import {
  add,
  cos,
  engine,
  erf,
  exp,
  fromArray,
  gelu,
  gradients,
  log,
  lt,
  maximum,
  mish,
  mul,
  neg,
  pow,
  relu,
  scope,
  sigmoid,
  silu,
  sin,
  softplus,
  sqrt,
  tanh,
  where,
  type Tensor,
} from '../src/index.js';

import { clock, machine } from './lib/measure.js';

const sizes = [1e3, 1e5, 1e7] as const;
const rounds = 15;

interface Subject {
  readonly name: string;
  readonly run: (x: Tensor, y: Tensor) => Tensor;
}

/** Forward and backward of an op whose gradient is one fused kernel. */
function withGradient(op: (x: Tensor) => Tensor): Subject['run'] {
  return (x, y) => {
    const [g] = gradients([op(x)], [x], { gradients: [y] });
    if (g === undefined || g === null) throw new Error('no gradient');
    return g;
  };
}

const subjects: readonly Subject[] = [
  { name: 'neg', run: neg },
  { name: 'add', run: add },
  { name: 'add 1', run: (x) => add(x, 1) },
  { name: 'mul', run: mul },
  { name: 'mul 2', run: (x) => mul(x, 2) },
  { name: 'maximum', run: maximum },
  { name: 'lt', run: lt },
  { name: 'where', run: (x, y) => where(lt(x, y), x, y) },
  { name: 'relu', run: relu },
  { name: 'sqrt', run: sqrt },
  { name: 'exp', run: exp },
  { name: 'log', run: log },
  { name: 'pow', run: pow },
  { name: 'sin', run: sin },
  { name: 'cos', run: cos },
  { name: 'erf', run: erf },
  { name: 'tanh', run: tanh },
  { name: 'sigmoid', run: sigmoid },
  { name: 'gelu', run: (x) => gelu(x) },
  { name: 'gelu tanh', run: (x) => gelu(x, { approximate: 'tanh' }) },
  { name: 'silu', run: silu },
  { name: 'mish', run: mish },
  { name: 'softplus', run: (x) => softplus(x) },
  { name: 'relu + grad', run: withGradient(relu) },
  { name: 'gelu + grad', run: withGradient((x) => gelu(x)) },
  { name: 'tanh + grad', run: withGradient(tanh) },
];

interface Timing {
  /** Seconds of one call in the fastest round: what the code does when the machine is left to it. */
  readonly best: number;
  /** How much longer the median round took. */
  readonly slack: number;
}

/** Times rounds of as many calls as take about 3 ms. */
function time(run: () => Tensor): Timing {
  const round = (calls: number): number => {
    const start = clock();
    for (let i = 0; i < calls; i++) scope(() => void run());
    engine.synchronize();
    return (clock() - start) / 1e3 / calls;
  };
  round(2);
  const calls = Math.max(1, Math.min(5_000, Math.ceil(0.003 / round(3))));
  const seconds = Array.from({ length: rounds }, () => round(calls)).sort((a, b) => a - b);
  const best = seconds[0] ?? 0;
  return { best, slack: (seconds[rounds >> 1] ?? 0) / best - 1 };
}

/** Numbers in [0.1, 4.1), the same at each run. */
function operand(n: number, step: number): Tensor {
  return fromArray(
    Float32Array.from({ length: n }, (_, i) => 0.1 + ((i * step) % 4001) / 1000),
    [n],
  );
}

function measure(threads: number): void {
  engine.setThreads(threads);
  const header = sizes.map((n) => n.toExponential()).join(', ');
  console.log(
    `\n${threads} thread${threads === 1 ? '' : 's'}: ns/element at ${header} (time of neg as a part of it; median round over best)`,
  );
  const lines = subjects.map(({ name }) => [name.padEnd(12)]);
  for (const n of sizes) {
    scope(() => {
      const [x, y, tracked] = [operand(n, 7919), operand(n, 104729), operand(n, 7919)];
      tracked.requiresGrad = true;
      let limit = 0;
      subjects.forEach(({ name, run }, row) => {
        const { best, slack } = time(() => run(name.endsWith('grad') ? tracked : x, y));
        if (row === 0) limit = best;
        const part = `${((100 * limit) / best).toFixed(0)} %`.padStart(5);
        lines[row]?.push(`${((best / n) * 1e9).toFixed(3).padStart(8)} (${part}, +${(100 * slack).toFixed(0)} %)`.padEnd(28));
      });
    });
  }
  console.log(lines.map((cells) => cells.join('')).join('\n'));
}

const { threads } = engine.stats();
console.log(machine());
measure(1);
if (threads > 1) measure(threads);
