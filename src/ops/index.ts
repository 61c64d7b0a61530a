/** Every op that takes a tensor first: one line each. They are also methods of Tensor (methods.ts). */

// elementwise
export { add } from './elementwise/add.js';
export { to } from './elementwise/cast.js';

// linalg
export { linear } from './linalg/linear.js';
export { matmul } from './linalg/matmul.js';

// conv
export { conv1d } from './conv/conv1d.js';
export { conv2d } from './conv/conv2d.js';

// reduce
export { sum } from './reduce/sum.js';

// norm

// loss

// movement
export { clone, contiguous } from './movement/contiguous.js';
export { expand } from './movement/expand.js';
export { permute, transpose } from './movement/permute.js';
export { reshape } from './movement/reshape.js';
export { flip, narrow, slice, type Range } from './movement/slice.js';
export { squeeze, unsqueeze } from './movement/squeeze.js';

// index

// pool
export { adaptiveAvgPool2d, avgPool2d, type AvgPoolOptions } from './pool/avg-pool2d.js';
export { adaptiveMaxPool2d, maxPool2d } from './pool/max-pool2d.js';
export type { Pair, PoolOptions } from './pool/window.js';

// random
export { bernoulli } from './random/bernoulli.js';
export { dropout, type DropoutOptions } from './random/dropout.js';
export { normal_, uniform_ } from './random/in-place.js';
