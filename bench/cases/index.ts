/** Every row; what they should reach is in aims.ts. */
import type { Case } from '../lib/case.js';
import { attention } from './attention.js';
import { call } from './call.js';
import { conv } from './conv.js';
import { elementwise } from './elementwise.js';
import { gemm } from './gemm.js';
import { lowPrecision } from './low-precision.js';
import { movement } from './movement.js';
import { ops } from './ops.js';
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
  ops,
  call,
];

export const cases: readonly Case[] = groups.flat();
