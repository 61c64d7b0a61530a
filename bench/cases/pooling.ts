/** Max and average pooling, forward and backward. */
import { input, row, sizeOf, type Case } from '../lib/case.js';

interface Window {
  readonly kind: 'maxPool2d' | 'avgPool2d';
  readonly shape: readonly number[];
  readonly size: number;
  readonly stride: number;
  readonly padding: number;
}

function rows({ kind, shape, size, stride, padding }: Window): Case[] {
  const name = `${kind === 'maxPool2d' ? 'max' : 'average'} ${size}x${size}/${stride} [${shape.join()}]`;
  const result = shape.map((n, axis) => (axis < 2 ? n : Math.floor((n + 2 * padding - size) / stride) + 1));
  const [x, y] = [4 * sizeOf(shape), 4 * sizeOf(result)];
  const common = { group: 'pooling', kind, options: { size, stride, padding }, sums: size * size };
  return [
    row({ ...common, case: name, inputs: [input(shape)], writes: y }),
    // Positions of the largest are written and read again; an average needs none.
    row({
      ...common,
      case: `${name} and gradient`,
      mode: 'both',
      wrt: [0],
      inputs: [input(shape), input(result)],
      reads: x + (kind === 'maxPool2d' ? 2 * y : y),
      writes: (kind === 'maxPool2d' ? 2 * y : y) + x,
    }),
  ];
}

const windows: readonly Window[] = [
  { kind: 'maxPool2d', shape: [64, 32, 28, 28], size: 2, stride: 2, padding: 0 },
  { kind: 'maxPool2d', shape: [64, 64, 14, 14], size: 2, stride: 2, padding: 0 },
  { kind: 'maxPool2d', shape: [8, 64, 112, 112], size: 3, stride: 2, padding: 1 },
  { kind: 'avgPool2d', shape: [64, 32, 28, 28], size: 2, stride: 2, padding: 0 },
  { kind: 'avgPool2d', shape: [64, 32, 28, 28], size: 3, stride: 2, padding: 1 },
  { kind: 'avgPool2d', shape: [64, 64, 28, 28], size: 28, stride: 28, padding: 0 },
];

export const pooling: readonly Case[] = windows.flatMap(rows);
