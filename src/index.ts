/** The public door of chainrule: explicit named exports, nothing else. */
import './methods.js';

// tensors
export { Tensor } from './tensor/tensor.js';
export type { DataArray, DType } from './core/dtype.js';
export type { Shape } from './core/shape.js';
export { full, ones, zeros, type CreateOptions } from './create/fill.js';
export { fullLike, onesLike, randLike, randnLike, zerosLike } from './create/like.js';
export { arange, eye, linspace } from './create/range.js';
export { rand, randint, randn, randperm, type NormalOptions, type UniformOptions } from './create/random.js';
export { fromArray, fromBits, tensor, type NestedArray } from './create/tensor.js';

// ops
export * from './ops/index.js';
export type { Conv1dOptions } from './ops/conv/conv1d.js';
export type { Conv2dOptions } from './ops/conv/geometry.js';
export { cat, stack } from './ops/movement/cat.js';

// random numbers
export { getRngState, manualSeed, setRngState, type RngState } from './runtime/random.js';

// autograd
export { backward, type BackwardOptions } from './autograd/backward.js';
export {
  gradcheck,
  gradgradcheck,
  numericalGrad,
  type GradcheckOptions,
  type GradcheckReport,
  type TensorFunction,
} from './autograd/gradcheck.js';
export { checkpoint } from './autograd/checkpoint.js';
export { customGrad, type CustomVjp } from './autograd/custom.js';
export { hessian, hvp, jacobian, jvp } from './autograd/functional.js';
export { grad, gradients, valueAndGrad, vjp, type GradientsOptions } from './autograd/grad.js';
export { enableGrad, noGrad } from './tensor/mode.js';

// training
export * as data from './data/index.js';
export * as nn from './nn/index.js';
export * as optim from './optim/index.js';

// files
export {
  CsvTable,
  inspectSafetensors,
  loadSafetensors,
  readCsv,
  saveSafetensors,
  weightHash,
  type CsvOptions,
  type LoadSafetensorsOptions,
  type NamedTensors,
} from './io/index.js';

// memory and engine
export { engine, type EngineStats } from './runtime/engine.js';
export { fmaPeak } from './ops/linalg/fma-peak.js';
export { keep, scope } from './runtime/scope.js';

// errors
export * from './errors.js';
