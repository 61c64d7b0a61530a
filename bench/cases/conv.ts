/** 2-D convolutions, forward and both gradients, NCHW in and out. */
import { input, row, sizeOf, type Case, type Input } from '../lib/case.js';

interface Layer {
  readonly name: string;
  readonly batch: number;
  readonly channels: readonly [input: number, output: number];
  readonly side: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
}

const layers: readonly Layer[] = [
  { name: '3->64 7x7/2 224 N8', batch: 8, channels: [3, 64], side: 224, kernel: 7, stride: 2 },
  { name: '64->64 3x3 56 N8', batch: 8, channels: [64, 64], side: 56, kernel: 3 },
  { name: '128->128 3x3 28 N8', batch: 8, channels: [128, 128], side: 28, kernel: 3 },
  { name: '256->256 3x3 14 N8', batch: 8, channels: [256, 256], side: 14, kernel: 3 },
  { name: '64->256 1x1 56 N8', batch: 8, channels: [64, 256], side: 56, kernel: 1 },
  { name: '128 depthwise 3x3 28 N8', batch: 8, channels: [128, 128], side: 28, kernel: 3, groups: 128 },
  { name: '1->32 3x3 28 N64', batch: 64, channels: [1, 32], side: 28, kernel: 3 },
  { name: '32->64 3x3 14 N64', batch: 64, channels: [32, 64], side: 14, kernel: 3 },
];

/** Kernel taps over all output pixels that fall inside the image, along one axis: what padding adds is no work. */
function taps(side: number, out: number, kernel: number, stride: number, padding: number): number {
  let count = 0;
  for (let y = 0; y < out; y++)
    for (let k = 0; k < kernel; k++) count += Number(y * stride + k >= padding && y * stride + k - padding < side);
  return count;
}

function rows({ name, batch, channels: [channels, outputs], side, kernel, stride = 1, groups = 1 }: Layer): Case[] {
  const padding = kernel >> 1;
  const out = Math.floor((side + 2 * padding - kernel) / stride) + 1;
  const x = input([batch, channels, side, side]);
  const weight = input([outputs, channels / groups, kernel, kernel]);
  const g = input([batch, outputs, out, out]);
  const flops = 2 * batch * outputs * (channels / groups) * taps(side, out, kernel, stride, padding) ** 2;
  const bytes = (one: Input): number => 4 * sizeOf(one.shape);
  const common = { group: 'conv', kind: 'conv2d', options: { stride, padding, groups }, flops };
  const perOutput = (channels / groups) * kernel * kernel;
  const backward = { ...common, mode: 'backward' as const, inputs: [x, weight, g] };
  return [
    row({ ...common, case: `${name} forward`, inputs: [x, weight], writes: bytes(g), sums: perOutput }),
    row({
      ...backward,
      case: `${name} dX`,
      wrt: [0],
      reads: bytes(g) + bytes(weight),
      writes: bytes(x),
      sums: (perOutput * outputs) / channels,
    }),
    row({ ...backward, case: `${name} dW`, wrt: [1], reads: bytes(g) + bytes(x), writes: bytes(weight), sums: batch * out * out }),
  ];
}

export const conv: readonly Case[] = layers.flatMap(rows);
