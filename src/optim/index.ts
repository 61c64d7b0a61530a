/** Optimizers, learning-rate schedules and gradient clipping: `import { optim } from 'chainrule'`. */
export { Adagrad, type AdagradOptions } from './adagrad.js';
export { Adam, AdamW, type AdamOptions } from './adam.js';
export { clipGradNorm, clipGradValue, type ClipGradNormOptions } from './clip.js';
export {
  Optimizer,
  type Batch,
  type GroupOptions,
  type OptimizerState,
  type ParameterGroup,
  type Parameters,
  type ParameterState,
} from './optimizer.js';
export { RMSprop, type RMSpropOptions } from './rmsprop.js';
export { OneCycleLR, type OneCycleOptions } from './one-cycle.js';
export * from './schedule.js';
export { SGD, type SGDOptions } from './sgd.js';
