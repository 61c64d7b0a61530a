/** Every row, and what each group should reach (the table of docs/performance.md). */
import type { Case } from '../lib/case.js';
import { attention } from './attention.js';
import { call } from './call.js';
import { conv } from './conv.js';
import { elementwise } from './elementwise.js';
import { gemm } from './gemm.js';
import { lowPrecision } from './low-precision.js';
import { movement } from './movement.js';
import { optimizer } from './optimizer.js';
import { pooling } from './pooling.js';
import { random } from './random.js';
import { recurrent } from './recurrent.js';
import { reductions } from './reductions.js';
import { trainingSteps } from './steps.js';

const groups: readonly (readonly Case[])[] = [
  gemm,
  conv,
  elementwise,
  reductions,
  random,
  optimizer,
  movement,
  pooling,
  attention,
  recurrent,
  trainingSteps,
  lowPrecision,
  call,
];

export const cases: readonly Case[] = groups.flat();
export interface Target {
  readonly group: string;
  readonly title: string;
  /** Ratio to the best peer that the median of the group should reach. */
  readonly ratio: number;
}

export const targets: readonly Target[] = [
  { group: 'gemm-square', title: 'GEMM, square', ratio: 1 },
  { group: 'gemm-networks', title: 'GEMM of networks', ratio: 1.05 },
  { group: 'conv', title: 'convolution', ratio: 1.2 },
  { group: 'elementwise-1e3', title: 'elementwise, 1e3', ratio: 5 },
  { group: 'elementwise-1e5', title: 'elementwise, 1e5', ratio: 1 },
  { group: 'elementwise-1e7', title: 'elementwise, 1e7', ratio: 1 },
  { group: 'reductions', title: 'reductions, softmax, norms, losses', ratio: 1.3 },
  { group: 'random', title: 'dropout, random numbers', ratio: 10 },
  { group: 'optimizer', title: 'optimizer steps', ratio: 3 },
  { group: 'movement', title: 'transpose, gather, scatter, cat, embedding', ratio: 1.5 },
  { group: 'pooling', title: 'max and average pooling', ratio: 5 },
  { group: 'attention', title: 'attention', ratio: 2 },
  { group: 'recurrent', title: 'LSTM, GRU', ratio: 2 },
  { group: 'call', title: 'call overhead', ratio: 5 },
  { group: 'low-precision', title: 'low precision', ratio: 1 },
  { group: 'steps', title: 'whole steps', ratio: 1.2 },
];
