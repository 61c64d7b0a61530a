/** Matrix products: squares, and those of real layers (forward, gradients, attention batches, vectors). */
import { input, row, sizeOf, type Case } from '../lib/case.js';

interface Product {
  readonly name: string;
  /** Rows of the result, length of the sums, columns. */
  readonly size: readonly [m: number, k: number, n: number];
  readonly ta?: boolean;
  readonly tb?: boolean;
  readonly batch?: number;
}

function product(group: string, { name, size: [m, k, n], ta = false, tb = false, batch = 1 }: Product): Case {
  const matrix = (rows: number, columns: number, turned: boolean): number[] => {
    const shape = turned ? [columns, rows] : [rows, columns];
    return batch === 1 ? shape : [batch, ...shape];
  };
  const inputs = [input(matrix(m, k, ta)), input(matrix(k, n, tb))];
  return row({
    group,
    case: name,
    kind: 'matmul',
    inputs,
    options: { ta, tb },
    flops: 2 * m * k * n * batch,
    writes: 4 * sizeOf([batch, m, n]),
    sums: k,
  });
}

const squares = [16, 32, 64, 128, 256, 512, 1024, 2048];

const networks: readonly Product[] = [
  { name: '512x768x768', size: [512, 768, 768] },
  { name: '512x768x3072', size: [512, 768, 3072] },
  { name: '512x3072x768', size: [512, 3072, 768] },
  { name: 'linear forward 512x768x3072', size: [512, 768, 3072], tb: true },
  { name: 'linear dX 512x3072x768', size: [512, 3072, 768] },
  { name: 'linear dW 3072x512x768', size: [3072, 512, 768], ta: true },
  { name: 'A^T B 768x512x3072', size: [768, 512, 3072], ta: true },
  { name: 'A B^T 512x3072x768', size: [512, 3072, 768], tb: true },
  { name: 'attention Q K^T 96x(128,64,128)', size: [128, 64, 128], tb: true, batch: 96 },
  { name: 'attention P V 96x(128,128,64)', size: [128, 128, 64], batch: 96 },
  { name: 'attention P^T dO 96x(128,128,64)', size: [128, 128, 64], ta: true, batch: 96 },
  { name: 'layer 64x784x256', size: [64, 784, 256] },
  { name: 'layer forward 64x784x256', size: [64, 784, 256], tb: true },
  { name: 'layer dW 256x64x784', size: [256, 64, 784], ta: true },
  { name: 'layer 64x256x10', size: [64, 256, 10] },
  { name: 'gemv 1x768x3072', size: [1, 768, 3072] },
  { name: 'gemv W^T 1x768x3072', size: [1, 768, 3072], tb: true },
];

export const gemm: readonly Case[] = [
  ...squares.map((n) => product('gemm-square', { name: String(n), size: [n, n, n] })),
  ...networks.map((each) => product('gemm-networks', each)),
];
