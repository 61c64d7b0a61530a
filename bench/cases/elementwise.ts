/** Elementwise ops at three sizes: at 1e3 the price of a call, at 1e5 that of the cache, at 1e7 that of memory. */
import { input, itemBytes, row, type Case, type Input, type InputType } from '../lib/case.js';

type Rule = Pick<Case, 'kind' | 'options'> & { readonly name: string; readonly inputs?: number };

const unary = (op: string): Rule => ({ name: op, kind: 'unary', options: { op } });
const binary = (op: string): Rule => ({ name: op, kind: 'binary', options: { op }, inputs: 2 });

const rules: readonly Rule[] = [
  ...['relu', 'exp', 'tanh', 'sigmoid', 'erf', 'gelu'].map(unary),
  { name: 'gelu tanh', kind: 'geluTanh', options: {} },
  ...['add', 'mul'].map(binary),
  { name: 'relu(a b + a) b', kind: 'chain', options: {}, inputs: 2 },
];

function simple(group: string, n: number): Case[] {
  return rules.map(({ name, kind, options, inputs = 1 }) => {
    const operands = Array.from({ length: inputs }, () => input([n], { low: -3, high: 3 }));
    return row({ group, case: name, kind, options, inputs: operands, writes: 4 * n, sums: 4 });
  });
}

function casts(group: string, n: number): Case[] {
  const pairs: readonly (readonly [InputType, InputType])[] = [
    ['f32', 'i32'],
    ['i32', 'f32'],
    ['f32', 'f64'],
    ['i64', 'f32'],
  ];
  return pairs.map(([from, to]) => {
    const inputs = [input([n], from === 'f32' ? { low: -100, high: 100 } : { below: 1000 }, from)];
    return row({ group, case: `cast ${from} to ${to}`, kind: 'cast', options: { to }, inputs, writes: n * itemBytes[to] });
  });
}

/** Broadcast and strided operands, over a matrix of about n elements. */
function layouts(group: string, n: number): Case[] {
  const side = Math.round(Math.sqrt(n));
  const square = input([side, side]);
  const writes = 4 * side * side;
  const add = (name: string, other: Input): Case =>
    row({ group, case: name, kind: 'binary', options: { op: 'add' }, inputs: [square, other], writes });
  return [
    add('add a row', input([side])),
    add('add a column', input([side, 1])),
    row({ group, case: 'add a transposed', kind: 'addTransposed', inputs: [square, square], writes }),
    row({
      group,
      case: 'add every second column',
      kind: 'addEverySecond',
      inputs: [input([side, 2 * side]), input([side, 2 * side])],
      writes,
    }),
  ];
}

/** The gradient of an activation: one more pass over as many numbers. */
function gradients(group: string, n: number): Case[] {
  return ['relu', 'tanh', 'gelu'].map((op) =>
    row({
      group,
      case: `${op} and gradient`,
      kind: 'unary',
      options: { op },
      mode: 'both',
      wrt: [0],
      inputs: [input([n], { low: -3, high: 3 }), input([n])],
      reads: 12 * n,
      writes: 8 * n,
      sums: 4,
    }),
  );
}

export const elementwise: readonly Case[] = [
  ...simple('elementwise-1e3', 1e3),
  ...[1e5, 1e7].flatMap((n) =>
    [simple, casts, layouts, gradients].flatMap((make) => make(`elementwise-${n.toExponential().replace('+', '')}`, n)),
  ),
];
